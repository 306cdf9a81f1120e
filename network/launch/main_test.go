package launch

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if port := os.Getenv(holdVariable); port != "" {
		holdPort(port)
		return
	}
	goleak.VerifyTestMain(m)
}
