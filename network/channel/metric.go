package channel

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/network/topology"
)

// Metrics that the launcher reads from the operations endpoints of Fabric's
// processes.
const (
	MetricPeerHeight = "ledger_blockchain_height"
	MetricLeader     = "consensus_BFT_leader_id"
	MetricOrderer    = "consensus_BFT_node_id"
)

var metricClient = &http.Client{
	Timeout:   5 * time.Second,
	Transport: &http.Transport{DisableKeepAlives: true},
}

// ErrNoMetric means that the process does not report the value, or not yet.
var ErrNoMetric = errors.New("no such metric")

// Metric reads one value of a channel from a Fabric process's operations port.
func Metric(ctx context.Context, port int, channel, name string) (uint64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+topology.Address(port)+"/metrics", nil)
	if err != nil {
		return 0, fmt.Errorf("asking for metrics: %w", err)
	}
	res, err := metricClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("asking for metrics: %w", err)
	}
	defer res.Body.Close()
	label := `channel="` + channel + `"`
	lines := bufio.NewScanner(io.LimitReader(res.Body, 8*answerLimit))
	for lines.Scan() {
		labels, ok := strings.CutPrefix(lines.Text(), name+"{")
		if !ok {
			continue
		}
		labels, value, ok := strings.Cut(labels, "} ")
		if !ok || !strings.Contains(labels, label) {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil || v < 0 {
			return 0, fmt.Errorf("metric %s has no sensible value", name)
		}
		return uint64(v), nil
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("reading metrics: %w", err)
	}
	return 0, fmt.Errorf("%w: %s", ErrNoMetric, name)
}
