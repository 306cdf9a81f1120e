package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"

	"github.com/secant-platform/secant/network/disk"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// room is how many bytes must be free for a network to start. Its files take
// little; a ledger that cannot be written is damaged.
const room = 500 << 20

// preflight finds what would stop the network later, and less clearly.
func preflight(n *topology.Network) error {
	if runtime.GOOS == "windows" {
		return &process.Failure{
			What: "starting Fabric", Err: errors.New("it runs on Linux and macOS"),
			Do: "use the Windows Subsystem for Linux",
		}
	}
	left, err := disk.Free(n.Dir)
	if err != nil {
		return err
	}
	if left < room {
		return &process.Failure{
			What: "checking the disk", Err: fmt.Errorf("%d MB are free where %s lies", left>>20, n.Dir),
			Do: fmt.Sprintf("make room for at least %d MB, or put the network elsewhere with --dir", room>>20),
		}
	}
	return outwardAddress()
}

// outwardAddress checks what every Fabric peer insists on at its start: an IPv4
// address other than loopback, although it is not used here.
func outwardAddress() error {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("listing the network addresses: %w", err)
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLoopback() && ip.IP.To4() != nil {
			return nil
		}
	}
	return &process.Failure{
		What: "checking the network addresses", Err: errors.New("this machine has no IPv4 address but loopback, and Fabric's peer refuses to start without one"),
		Do: "give it one; it need not lead anywhere: ip link add dummy0 type dummy && ip addr add 192.0.2.1/32 dev dummy0 && ip link set dummy0 up",
	}
}

// empty refuses to make a network in a directory that holds something else. Wallets
// may be there before a network, and stay behind it.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return reachable(dir, fmt.Errorf("looking into the state directory: %w", err))
	}
	for _, e := range entries {
		if e.Name() != "lock" && e.Name() != "wallets" { // which others keep there, too
			return &process.Failure{
				What: "making a network in " + dir, Err: fmt.Errorf("the directory holds something else (%s) and no %s", e.Name(), topology.FileName),
				Do: "give an empty or a new directory with --dir",
			}
		}
	}
	return nil
}
