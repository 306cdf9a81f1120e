package verify

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// The lasting signature of a checkpoint is a further line of its signed note (C2SP
// signed-note), which whoever does not know the key skips. Its type has no byte of
// its own there: it is 0xff and the name below. The signature is over that name, a
// zero byte and the note's text.
const lastingNote = "github.com/secant-platform/secant/ml-dsa-65-checkpoint/v1"

// LastingMessage is what the lasting signature of a note with that text is over.
func LastingMessage(text []byte) []byte {
	return append([]byte(lastingNote+"\x00"), text...)
}

// lastingVerifier is a key as signed notes know it.
type lastingVerifier struct {
	key  LastingJWK
	name string
	hash uint32
}

// NoteVerifier returns what verifies the key's signatures in signed notes under a
// name.
func (k LastingJWK) NoteVerifier(name string) (note.Verifier, error) {
	b, err := k.bytes()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(name + "\n\xff" + lastingNote + string(b)))
	return &lastingVerifier{key: k, name: name, hash: binary.BigEndian.Uint32(sum[:])}, nil
}

// Name returns the name of the note's key.
func (v *lastingVerifier) Name() string { return v.name }

// KeyHash returns the key's id in notes.
func (v *lastingVerifier) KeyHash() uint32 { return v.hash }

// Verify checks a signature over a note's text.
func (v *lastingVerifier) Verify(text, signature []byte) bool {
	return v.key.verifies(LastingMessage(text), signature)
}

// MaxLastingLine bounds the line of a lasting signature in a note, in bytes: a name,
// and 3313 in base64.
const MaxLastingLine = 5 << 10

// VerifyLastingLine checks that a line is the key's lasting signature of a signed
// note under a name, which is a checkpoint's origin. The note with the line behind it
// is a signed note again. Other signatures of the note are not judged.
func (k LastingJWK) VerifyLastingLine(name, signedNote, line string) error {
	v, err := k.NoteVerifier(name)
	if err != nil {
		return err
	}
	encoded, ok := strings.CutPrefix(line, "— "+name+" ")
	encoded, ends := strings.CutSuffix(encoded, "\n")
	if len(line) > MaxLastingLine || !ok || !ends {
		return invalid("the lasting signature is not a line of the checkpoint's note")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || base64.StdEncoding.EncodeToString(raw) != encoded {
		return invalid("the lasting signature is not a line of the checkpoint's note")
	}
	if len(raw) < 4 || binary.BigEndian.Uint32(raw) != v.KeyHash() {
		return invalid("the lasting signature is not one of the expected key for the expected use")
	}
	text, ok := NoteText(signedNote)
	if !ok || !v.Verify([]byte(text), raw[4:]) {
		return invalid("the lasting signature is not over the checkpoint by the expected key")
	}
	return nil
}

// NoteText returns the text of a signed note, up to the last empty line. Nothing of
// it is verified.
func NoteText(signedNote string) (string, bool) {
	i := strings.LastIndex(signedNote, "\n\n")
	if i < 0 {
		return "", false
	}
	return signedNote[:i+1], true
}
