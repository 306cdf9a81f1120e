package mdoc

import (
	"errors"
	"slices"

	"github.com/secant-platform/secant/identity/keys"
)

// Present returns a DeviceResponse that shows the named elements of a credential
// (as Issue returns it) and no other, by name space, bound by the holder's key to
// one session.
func Present(credential []byte, holder keys.Signer, show map[string][]string, s Session) ([]byte, error) {
	signed, object, err := parseIssuerSigned(credential)
	if err != nil {
		return nil, err
	}
	key, err := object.Device.Key.key()
	if err != nil {
		return nil, err
	}
	if key.JWK() != holder.JWK() {
		return nil, errors.New("presenting: the credential is bound to another key")
	}
	shown, err := signed.choose(show)
	if err != nil {
		return nil, err
	}
	none, err := embed(map[string]any{})
	if err != nil {
		return nil, err
	}
	payload, err := s.authentication(object.DocType, none)
	if err != nil {
		return nil, err
	}
	signature, err := sign1(holder, nil, payload, true)
	if err != nil {
		return nil, err
	}
	return encode(deviceResponse{Version: version, Documents: []document{{
		DocType:      object.DocType,
		IssuerSigned: issuerSigned{NameSpaces: shown, IssuerAuth: signed.IssuerAuth},
		DeviceSigned: deviceSigned{NameSpaces: none, Auth: deviceAuth{Signature: signature}},
	}}})
}

// choose returns the named elements.
func (s *issuerSigned) choose(show map[string][]string) (map[string][]embedded, error) {
	shown := map[string][]embedded{}
	for space, names := range show {
		for _, e := range s.NameSpaces[space] {
			var i item
			if err := decode(e.inner, &i, "an element"); err != nil {
				return nil, err
			}
			if slices.Contains(names, i.Name) {
				shown[space] = append(shown[space], e)
			}
		}
		if len(shown[space]) != len(names) {
			return nil, errors.New("presenting: the credential does not have every element that is to be shown, once")
		}
	}
	return shown, nil
}
