package state

import (
	"reflect"

	"github.com/hyperledger/fabric-contract-api-go/v2/metadata"
	"github.com/hyperledger/fabric-contract-api-go/v2/serializer"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// Serializer is the framework's JSON serializer, except that
//
//   - a request that is not an object of one meaning, as when it has a name twice,
//     is refused: what a person was shown and agreed to, by a reader that takes
//     the first, would not be what the ledger does. The framework also takes null
//     for an empty request, and skips its schema;
//   - a request that does not decode or does not fit its schema is a Problem and
//     not repeated: the framework's own error would carry the whole request.
type Serializer struct {
	json serializer.JSONSerializer
}

// FromString decodes a request.
func (s *Serializer) FromString(param string, typ reflect.Type, meta *metadata.ParameterMetadata, components *metadata.ComponentMetadata) (reflect.Value, error) {
	malformed := ledger.Problemf(ledger.CodeInvalid, "the request is not a JSON object of the form that this transaction takes")
	if !verify.OneMeaning([]byte(param)) {
		return reflect.Value{}, malformed
	}
	v, err := s.json.FromString(param, typ, meta, components)
	if err != nil {
		return reflect.Value{}, malformed
	}
	return v, nil
}

// ToString encodes a result.
func (s *Serializer) ToString(result reflect.Value, typ reflect.Type, meta *metadata.ReturnMetadata, components *metadata.ComponentMetadata) (string, error) {
	return s.json.ToString(result, typ, meta, components)
}
