package fact

import (
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Service is a network service that a device offers.
type Service struct {
	Protocol string `json:"protocol"` // as in "tcp/dicom", "tcp" or "https"
	Port     int    `json:"port"`
}

// DeviceName is what a source of readings that speaks for several devices, such as
// a gateway of monitors, calls one of them.
type DeviceName struct {
	Source string `json:"source"` // as the node's configuration calls it
	Name   string `json:"name"`   // as it stands in messages
}

// Inventory is what a hospital knows of its own unit and never tells the ledger.
type Inventory struct {
	Unit     string    `json:"unit"` // unit id
	Ward     string    `json:"ward"`
	Address  string    `json:"address"` // IP address or host name
	Services []Service `json:"services"`
	// Names are those under which readings of it arrive. No two units have one.
	Names   []DeviceName `json:"names"`
	Updated time.Time    `json:"updated"` // set by the store
}

// Device is a unit with all that the node knows about it.
type Device struct {
	Unit      Row[ledger.Unit]
	Model     ledger.Model   // zero when the ledger has none
	Release   ledger.Release // the release that the unit runs; zero when the ledger has none
	Inventory Inventory      // zero when the unit is not in the inventory
}
