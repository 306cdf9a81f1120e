package proof

import (
	"fmt"
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// Lasting is a checkpoint's second signature, by ML-DSA-65, for those who judge the
// bundle when elliptic curves no longer convince. It stands beside the checkpoint,
// because that is the text on the ledger, where some 4 kB a second have no place.
// Bundles were made without, and are as good now as they were.
type Lasting struct {
	Key verify.LastingJWK `json:"key"`
	// Line is that of the signed note, under the name of the log: behind the
	// checkpoint's own it makes a signed note of both.
	Line string `json:"line"`
}

// Lasting judges the lasting signature of the head's checkpoint: whether the key
// beside it made it, and where the trust file names keys of the log's owner, whether
// it is one of them. It returns the key's thumbprint.
func (h *Head) Lasting(l *Lasting) (string, error) {
	h.mu.Lock()
	seen := h.lasting
	h.mu.Unlock()
	if seen != nil && seen.Lasting == *l {
		return seen.thumbprint, nil
	}
	s, thumbprint := &h.view.Stream, l.Key.Thumbprint()
	if known := h.verifier.lasting[s.Owner]; len(known) > 0 && !slices.Contains(known, thumbprint) {
		return "", mismatch(StepLasting, nil, "it is by a key that the trust file does not name for %s", s.Owner)
	}
	origin, err := verify.Origin(s.Verifier)
	if err == nil {
		err = l.Key.VerifyLastingLine(origin, h.view.Anchor.Checkpoint, l.Line)
	}
	if err != nil {
		return "", mismatch(StepLasting, err, "it is not one of the checkpoint")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lasting = &goodLasting{*l, thumbprint}
	return thumbprint, nil
}

// goodLasting is a lasting signature that was found good, with its key's thumbprint.
type goodLasting struct {
	Lasting

	thumbprint string
}

// lastingKeys gathers the keys that a trust file names.
func lastingKeys(trust *ledger.Trust) (map[string][]string, error) {
	keys := map[string][]string{}
	for _, e := range trust.Epochs {
		for _, o := range e.Organisations {
			for _, thumbprint := range o.Lasting {
				if err := verify.CheckThumbprint(thumbprint); err != nil {
					return nil, ledger.Problemf(ledger.CodeInvalid, "the trust file names a lasting key of %s by no thumbprint", o.ID)
				}
			}
			keys[o.ID] = append(keys[o.ID], o.Lasting...)
		}
	}
	return keys, nil
}

// RequireLasting wants the bundle to have a lasting signature by the key with a
// thumbprint, which the caller has from the ledger: the DID document of the log's
// owner names it.
func (v *Verdict) RequireLasting(thumbprint string) error {
	if err := verify.CheckThumbprint(thumbprint); err != nil {
		return err
	}
	switch v.Lasting {
	case thumbprint:
		v.LastingKnown = true
		return nil
	case "":
		return mismatch(StepLasting, nil, "the bundle has no lasting signature")
	}
	return mismatch(StepLasting, nil, "it is by another key than was asked for")
}

// lasting says in one line whether a lasting signature is there.
func (v *Verdict) lasting() string {
	switch {
	case v.Lasting == "":
		return "No lasting signature (" + verify.AlgMLDSA65 + ") stands beside the log's: the checkpoint convinces as long as elliptic curves do."
	case v.LastingKnown:
		return fmt.Sprintf("A lasting signature (%s) of the checkpoint holds, by the key %s, which is known to be that of %s.",
			verify.AlgMLDSA65, v.Lasting, v.Organisation)
	}
	return fmt.Sprintf("A lasting signature (%s) of the checkpoint holds, by the key %s; whether that is a key of %s, its DID document on the ledger says.",
		verify.AlgMLDSA65, v.Lasting, v.Organisation)
}
