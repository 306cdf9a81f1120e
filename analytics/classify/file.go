package classify

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// magic begins a model's file; its last byte is the version of the form.
const magic = "secant-classify\x01"

// MaxModel bounds a model's file, in bytes.
const MaxModel = 64 << 20

// header is what stands before the numbers of a file, as JSON on one line.
type header struct {
	Features    int         `json:"features"`
	Seed        uint64      `json:"seed"`
	Examples    int         `json:"examples"`
	Weights     int         `json:"weights"`
	Calibration Calibration `json:"calibration"`
	Labels      []string    `json:"labels"`
}

// Encode writes a model. Numbers are little-endian: rarities as float32, biases, scales,
// how many weights each feature has as a varint, labels of weights as uint16, weights.
func (m *Model) Encode() []byte {
	h, err := json.Marshal(header{features, m.Seed, m.Examples, len(m.weight), m.Calibration, m.Labels})
	if err != nil {
		panic(err) // of numbers and texts, and calibration is finite
	}
	b := append([]byte(magic), h...)
	b = append(b, '\n')
	for _, list := range [][]float32{m.rarity, m.bias, m.scale} {
		for _, v := range list {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	for i := range features {
		b = binary.AppendUvarint(b, uint64(m.start[i+1]-m.start[i]))
	}
	for _, c := range m.label {
		b = binary.LittleEndian.AppendUint16(b, c)
	}
	for _, w := range m.weight {
		b = append(b, byte(w)) //nolint:gosec // its bits, sign and all
	}
	return b
}

// Digest names a model's file: its SHA-256, in hexadecimal.
func Digest(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}

// Decode reads a model. Problems: invalid, too_large.
func Decode(file []byte) (*Model, error) {
	if len(file) > MaxModel {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the model has more than %d bytes", MaxModel)
	}
	m, err := decode(file)
	if err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the model cannot be read (%s); train it again", err)
	}
	return m, nil
}

var errShort = errors.New("it ends early")

func decode(file []byte) (*Model, error) {
	rest, ok := bytes.CutPrefix(file, []byte(magic))
	if !ok {
		return nil, errors.New("it is no model, or one of another version")
	}
	line, rest, ok := bytes.Cut(rest, []byte("\n"))
	if !ok {
		return nil, errShort
	}
	var h header
	if err := json.Unmarshal(line, &h); err != nil {
		return nil, errors.New("its header is not JSON")
	}
	c := h.Calibration
	switch {
	case h.Features != features, len(h.Labels) < 3, len(h.Labels) > MaxLabels, h.Labels[0] != "", !slices.IsSorted(h.Labels):
		return nil, errors.New("its labels or features are not those of a model")
	case !(c.Temperature > 1e-6) || math.IsInf(c.Temperature, 0) || math.IsNaN(c.None) || math.IsInf(c.None, 0):
		return nil, errors.New("its calibration is out of range")
	case h.Weights < 0, h.Weights > len(rest)/3:
		return nil, errShort
	}
	m := &Model{Labels: h.Labels, Seed: h.Seed, Examples: h.Examples, Calibration: c}
	for _, to := range []struct {
		list *[]float32
		n    int
	}{{&m.rarity, features}, {&m.bias, len(h.Labels)}, {&m.scale, len(h.Labels)}} {
		if len(rest) < 4*to.n {
			return nil, errShort
		}
		*to.list = make([]float32, to.n)
		for i := range *to.list {
			v := math.Float32frombits(binary.LittleEndian.Uint32(rest[4*i:]))
			if v != v || v > 1e6 || v < -1e6 {
				return nil, errors.New("a number is out of range")
			}
			(*to.list)[i] = v
		}
		rest = rest[4*to.n:]
	}
	if rest, ok = m.decodeStarts(rest, h.Weights); !ok || len(rest) != 3*h.Weights {
		return nil, errShort
	}
	return m, m.decodeWeights(rest, h.Weights)
}

func (m *Model) decodeStarts(rest []byte, weights int) ([]byte, bool) {
	m.start = make([]uint32, features+1)
	for i := range features {
		n, size := binary.Uvarint(rest)
		if size <= 0 || n > uint64(len(m.Labels)) {
			return nil, false
		}
		rest = rest[size:]
		m.start[i+1] = m.start[i] + uint32(n) //nolint:gosec // at most the labels, as above
	}
	return rest, int(m.start[features]) == weights
}

func (m *Model) decodeWeights(rest []byte, n int) error {
	m.label, m.weight = make([]uint16, n), make([]int8, n)
	for i := range n {
		if m.label[i] = binary.LittleEndian.Uint16(rest[2*i:]); int(m.label[i]) >= len(m.Labels) {
			return fmt.Errorf("weight %d is of no label", i)
		}
		m.weight[i] = int8(rest[2*n+i]) //nolint:gosec // its bits, sign and all
	}
	return nil
}
