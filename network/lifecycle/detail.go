package lifecycle

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/grpc/status"
)

// detail adds to a gateway's error what each peer said: the error itself only
// says that something failed.
func detail(err error) error {
	var s interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &s) {
		return err
	}
	var said []string
	for _, d := range s.GRPCStatus().Details() {
		if e, ok := d.(*gateway.ErrorDetail); ok {
			said = append(said, fmt.Sprintf("%s (%s): %s", e.GetAddress(), e.GetMspId(), e.GetMessage()))
		}
	}
	if len(said) == 0 {
		return err
	}
	return fmt.Errorf("%w: %s", err, strings.Join(said, "; "))
}
