package dicom

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/dicom"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// archive takes what it knows the device of.
type archive struct{}

// Submit takes every manifest.
func (archive) Submit(context.Context, Manifest) (Receipt, error) { return Receipt{}, nil }

// Find knows the scanner CT-77.
func (archive) Find(_ context.Context, _, name string) (unit proof.Hash, err error) {
	if name != "CT-77" {
		err = ledger.Problemf(ledger.CodeNotFound, "unknown")
	}
	return unit, err
}

// Admit lets every device pass.
func (archive) Admit(context.Context, proof.Hash) error { return nil }

// PutImages keeps none.
func (archive) PutImages(_ context.Context, images []fact.Image) ([]fact.Image, error) {
	return images, nil
}

// Images finds none.
func (archive) Images(context.Context, fact.ImageLevel, fact.ImageFilter, int, int) ([]fact.ImageGroup, bool, error) {
	return nil, false, nil
}

// TestOfWhatIsSettledLittleIsHeld: a request of thousands of files holds for its answer
// what the answer says of each, and not all that could be read in them.
func TestOfWhatIsSettledLittleIsHeld(t *testing.T) {
	t.Parallel()
	in := &intake{handler: &handler{Deps: Deps{Readings: archive{}, Devices: archive{}, Images: archive{}}}}
	for _, serial := range []string{"CT-77", "other"} {
		i := &dicom.Instance{UID: "1.2", Class: "1.3", Study: "1.4", Series: "1.5", Size: 7}
		i.Device = dicom.Device{Serial: serial, Manufacturer: strings.Repeat("m", 1000), Software: strings.Split(strings.Repeat("s ", 500), " ")}
		if err := in.take(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	if err := in.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	taken, refused := &in.results[0], &in.results[1]
	if d := cmp.Diff(dicom.Instance{}, taken.instance); d != "" || taken.image.Manufacturer != "" || taken.image.Instance != "1.2" || taken.image.Size != 7 {
		t.Errorf("%+v", taken)
	}
	if d := cmp.Diff(dicom.Instance{UID: "1.2", Class: "1.3"}, refused.instance); d != "" || refused.reason != dicom.ReasonDevice {
		t.Errorf("%s", d)
	}
}
