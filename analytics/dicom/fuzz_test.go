package dicom_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/secant-platform/secant/analytics/dicom"
)

// FuzzRead: no bytes make the reader fail in another way than by refusing them, and
// what it takes it has read to the end.
func FuzzRead(f *testing.F) {
	for _, syntax := range []string{implicit, explicit, deflated} {
		f.Add(file(syntax, plain()...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := dicom.Read(bytes.NewReader(b), dicom.Limits{Inflated: 1 << 20})
		if err != nil {
			if _, ok := err.(*dicom.Error); !ok { //nolint:errorlint // it must be the error itself
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		if got.SHA256 != sha256.Sum256(b) || got.Size != int64(len(b)) || got.Complete() != nil {
			t.Fatalf("%+v", got)
		}
		if _, err := got.Manifest(); err != nil {
			t.Fatal(err)
		}
	})
}
