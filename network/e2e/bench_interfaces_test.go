package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/hyperledger/fabric-gateway/pkg/client"

	"github.com/secant-platform/secant/analytics/dicom/dicomtest"
	"github.com/secant-platform/secant/network/topology"
)

// interfaceConnections is how many devices send at once, each waiting for its
// acknowledgement before it sends again: there is no pipelining anywhere. Of images
// a node reads fewer at a time.
const interfaceConnections = 64

// way is one interface: send hands one message in, returns when it is acknowledged,
// and tells where its proof will be.
type way struct {
	name        string
	connections int
	send        func(ctx context.Context) (proof string, err error)
}

// BenchmarkInterfaces measures messages that are durable and acknowledged at one
// hospital's node, by each interface, and the time from sending one to its proof
// while ten arrive a second; beside the same messages as one transaction each, whose
// key is the message's digest, by the bare fabric-gateway client on the same network:
//
//	go test ./network/e2e -run '^$' -bench Interfaces -benchtime 1x
func BenchmarkInterfaces(b *testing.B) {
	n := live(b)
	bare := &ledgerOnly{network: n, gates: map[string]*client.Gateway{}}
	bare.connect(b)
	bare.deployBare(b)
	s := n.newStation(b)
	bulk := n.newDevice(b, station)
	for b.Loop() {
		var table strings.Builder
		fmt.Fprintf(&table, "\n%-28s %12s %8s %8s %10s %10s %14s\n", "INTERFACE", "messages/s", "p50 ms", "p95 ms", "proof p50", "proof p95", "x transactions")
		one, took := load(b, 100, bare.barePut)
		fmt.Fprintf(&table, "%-28s %12.0f %8.1f %8.1f\n", "one transaction each", one, percentile(took, 50), percentile(took, 95))
		for _, w := range s.ways(b) {
			rate, took := load(b, w.connections, func(ctx context.Context) error { _, err := w.send(ctx); return err })
			proofs := s.untilProof(b, w)
			fmt.Fprintf(&table, "%-28s %12.0f %8.1f %8.1f %10.0f %10.0f %14.0f\n", w.name, rate,
				percentile(took, 50), percentile(took, 95), percentile(proofs, 50), percentile(proofs, 95), rate/one)
			b.ReportMetric(rate, strings.Fields(w.name)[0]+"/s")
		}
		const records = 1000
		rate, took := load(b, 32, prepared(b, []device{bulk}, s.node, 3000, records, true))
		fmt.Fprintf(&table, "%-28s %12.0f %8.1f %8.1f %10s %10s %14.0f\n", "NDJSON of 1,000, compressed", rate*records,
			percentile(took, 50), percentile(took, 95), "", "", rate*records/one)
		b.ReportMetric(rate*records, "NDJSON/s")
		b.ReportMetric(one, "transactions/s")
		b.ReportMetric(0, "ns/op")
		b.Log(table.String())
	}
}

// station is the hospital whose node is sent to.
const station = "hospital-north"

// bedStation is one hospital's node and a device that is known by name there.
type bedStation struct {
	node, auditor  node
	device         device
	name           string
	monitors, mqtt string // addresses
}

func (n *network) newStation(b *testing.B) *bedStation {
	b.Helper()
	net, err := topology.Load(n.dir)
	if err != nil {
		b.Fatal(err)
	}
	i := slices.IndexFunc(net.Organisations, func(o topology.Organisation) bool { return o.ID == station })
	at := net.Organisations[i].Node
	s := &bedStation{
		node: n.node(b, station, "integrator"), auditor: n.node(b, station, "auditor"), device: n.newDevice(b, station), name: "MON-" + rand.Text()[:8],
		monitors: topology.Address(at.Monitors), mqtt: topology.Address(at.Devices),
	}
	n.node(b, station, "registrar").call(http.MethodPost, "/v1/units/"+s.device.id+"/service", map[string]any{
		"ward": "intensive care", "address": "10.20.0.7", "services": []any{}, "names": []map[string]string{{"source": topology.Bedside, "name": s.name}},
	}, nil)
	return s
}

// ways are the interfaces, each with connections of its own.
func (s *bedStation) ways(b *testing.B) []way {
	b.Helper()
	monitors, publishers := make(chan *mllpLine, interfaceConnections), make(chan *paho.Client, interfaceConnections)
	for i := range interfaceConnections {
		monitors <- dialMLLP(b, s.monitors)
		publishers <- dialMQTT(b, s.mqtt, fmt.Sprintf("%s-%d", s.name, i))
	}
	signed := s.node
	signed.token = ""
	return []way{
		{"HTTPS JSON, signed", interfaceConnections, func(ctx context.Context) (string, error) {
			headers, body := s.device.signed(b, readings(1))
			status, answer, _, err := exchange(ctx, signed, "/v1/readings", "application/json", bytes.NewReader(bytes.TrimSpace(body)), headers...)
			if err := wanted(http.StatusAccepted, status, answer, err); err != nil {
				return "", err
			}
			var r receipt
			err = json.Unmarshal(answer, &r)
			return proofOf(r.ID), err
		}},
		{"HL7 v2 over MLLP", interfaceConnections, func(ctx context.Context) (string, error) {
			m := <-monitors
			defer func() { monitors <- m }()
			id, err := m.tell(s.name)
			return proofOf(id), err
		}},
		{"MQTT 5, QoS 1", interfaceConnections, func(ctx context.Context) (string, error) {
			p := <-publishers
			defer func() { publishers <- p }()
			ack, err := p.Publish(ctx, &paho.Publish{
				QoS: 1, Topic: "secant/v1/" + topology.Bedside + "/" + s.name + "/readings", Payload: readings(1)[0],
				Properties: &paho.PublishProperties{ContentType: "application/json"},
			})
			if err != nil {
				return "", err
			}
			return proofOf(ack.Properties.User.Get("receipt")), nil
		}},
		{"FHIR R4 Observation", interfaceConnections, func(ctx context.Context) (string, error) {
			status, answer, header, err := exchange(ctx, s.node, "/fhir/Observation", "application/fhir+json", bytes.NewReader(s.observation()), "Prefer", "return=minimal")
			if err := wanted(http.StatusCreated, status, answer, err); err != nil {
				return "", err
			}
			return header.Get("Secant-Receipt") + "/records/0/proof", nil
		}},
		{"DICOM STOW-RS, 64 KiB", 8, func(ctx context.Context) (string, error) {
			file := dicomtest.Image{
				Study: "1.2", Series: "1.2.1", Instance: "2.25." + new(big.Int).SetBytes([]byte(rand.Text()[:15])).String(), Serial: s.name, Modality: "US", Pixels: make([]byte, 64<<10),
			}.File()
			status, answer, _, err := exchange(ctx, s.node, "/dicomweb/studies", "application/dicom", bytes.NewReader(file), "Secant-Device", s.device.id)
			if err := wanted(http.StatusAccepted, status, answer, err); err != nil {
				return "", err
			}
			digest := sha256.Sum256(file)
			return "/dicomweb/digests/" + hex.EncodeToString(digest[:]), nil
		}},
	}
}

// untilProof sends ten messages a second for five seconds and returns how long each
// took from the first byte sent to its proof, sorted.
func (s *bedStation) untilProof(b *testing.B, w way) []time.Duration {
	b.Helper()
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			start := time.Now()
			path, err := w.send(b.Context())
			if err != nil {
				b.Error(err)
				return
			}
			if strings.HasPrefix(path, "/dicomweb/") {
				path = s.whereProven(path)
			}
			await(b, "a proof", func() bool {
				status, _, err := s.auditor.try(http.MethodGet, path, "", nil)
				return err == nil && status == http.StatusOK
			})
			mu.Lock()
			took = append(took, time.Since(start))
			mu.Unlock()
		})
		time.Sleep(100 * time.Millisecond)
	}
	wg.Wait()
	slices.Sort(took)
	return took
}

// whereProven reads where an image's proof is from what is known of its digest.
func (s *bedStation) whereProven(path string) string {
	_, answer, _ := s.auditor.try(http.MethodGet, path, "", nil)
	_, rest, _ := strings.Cut(string(answer), `"proof":"`)
	where, _, _ := strings.Cut(rest, `"`)
	return where
}

func (s *bedStation) observation() []byte {
	return fmt.Appendf(nil, `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"urn:iso:std:iso:11073:10101","code":"147842"}]},`+
		`"device":{"reference":"Device/%s"},"effectiveDateTime":"%s","valueQuantity":{"value":72,"unit":"beats/min"},"note":[{"text":"%s"}]}`,
		s.device.id, time.Now().UTC().Format(time.RFC3339Nano), rand.Text())
}

func proofOf(id string) string { return "/v1/readings/" + id + "/records/0/proof" }

// mllpLine is an open connection that speaks HL7 over MLLP.
type mllpLine struct {
	conn net.Conn
	in   *bufio.Reader
}

func dialMLLP(b *testing.B, address string) *mllpLine {
	b.Helper()
	conn, err := (&net.Dialer{}).DialContext(b.Context(), "tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return &mllpLine{conn, bufio.NewReader(conn)}
}

// tell sends one measurement of the device by that name and returns the receipt.
func (m *mllpLine) tell(name string) (string, error) {
	id := rand.Text()[:20]
	if err := m.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(m.conn, "\x0bMSH|^~\\&|%s|ICU|||%s||ORU^R01^ORU_R01|%s|P|2.6\rOBX|1|NM|147842^MDC_ECG_HEART_RATE^MDC|1.1.1.1|72|{beat}/min|||||F\r\x1c\r",
		name, time.Now().UTC().Format("20060102150405+0000"), id); err != nil {
		return "", err
	}
	answer, err := m.in.ReadString('\x1c')
	if err != nil {
		return "", err
	}
	if _, err := m.in.ReadByte(); err != nil { // the frame's carriage return
		return "", err
	}
	_, rest, ok := strings.Cut(answer, "\rMSA|AA|"+id+"|")
	if !ok {
		return "", errors.New("refused: " + answer)
	}
	named, _, _ := strings.Cut(rest, "\r")
	return named, nil
}

func dialMQTT(b *testing.B, address, name string) *paho.Client {
	b.Helper()
	conn, err := (&net.Dialer{}).DialContext(b.Context(), "tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	c := paho.NewClient(paho.ClientConfig{Conn: packets.NewThreadSafeConn(conn)})
	if _, err := c.Connect(b.Context(), &paho.Connect{ClientID: name, KeepAlive: 60, CleanStart: true}); err != nil {
		b.Fatal(err)
	}
	return c
}
