package app

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/network/demo"
	"github.com/secant-platform/secant/network/topology"
)

// inhabit starts every organisation's node, and writes down where it is as the
// launcher does.
func (c *consortium) inhabit(t *testing.T) (*topology.Network, map[string]*running) {
	t.Helper()
	network, err := topology.New(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	nodes := map[string]*running{}
	for i := range network.Organisations {
		o := &network.Organisations[i]
		r := c.launch(t, o.ID, c.config(o.ID), func(string) {})
		at, err := url.Parse(r.url)
		if err != nil {
			t.Fatal(err)
		}
		if o.Node.Port, err = strconv.Atoi(at.Port()); err != nil {
			t.Fatal(err)
		}
		nodes[o.ID] = r
		for _, role := range Roles() {
			token, err := Token(r.cfg, role, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			path := network.TokenFile(o.ID, role)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := network.Save(); err != nil {
		t.Fatal(err)
	}
	for org, r := range nodes {
		r.await(org+" to be ready", func() bool {
			status, _ := r.call("", http.MethodGet, "/readyz", nil, nil)
			return status == http.StatusOK
		})
	}
	return network, nodes
}

// issuers gives every organisation's issuer its DID, unless its node did.
func (c *consortium) issuers(t *testing.T, network *topology.Network) {
	t.Helper()
	for _, o := range network.Organisations {
		for {
			_, err := c.network.Ledger.CreateIssuer(o.ID, "credentials", statetest.NewDIDKey("k", o.ID))
			if ledger.CodeOf(err) == ledger.CodeConflict {
				continue
			}
			if err != nil && ledger.CodeOf(err) != ledger.CodeAlreadyExists {
				t.Fatal(err)
			}
			break
		}
	}
}

// TestSeededConsortiumTrustsItsIssuers loads the sample consortium over the real
// contracts and five nodes, and cuts loading off again and again: whatever was done
// stays, and nothing is asked twice. Once it is loaded, loading changes nothing.
func TestSeededConsortiumTrustsItsIssuers(t *testing.T) {
	if testing.Short() {
		t.Skip("five nodes")
	}
	c := newConsortium(t)
	network, nodes := c.inhabit(t)
	c.issuers(t, network)
	cut := 0
	for limit := 100 * time.Millisecond; ; limit = limit * 3 / 2 {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		var out bytes.Buffer
		err := demo.Seed(ctx, demo.Target{Dir: network.Dir}, &out)
		over := ctx.Err() != nil
		cancel()
		if err == nil {
			break
		}
		if !over {
			t.Fatalf("%v after:\n%s", err, &out)
		}
		cut++
	}
	t.Logf("cut off %d times", cut)
	var want []string
	for _, o := range network.Organisations {
		for _, kind := range catalogue.Types() {
			if kind.By(o.Kind) {
				want = append(want, ledger.IssuerDID(statetest.Network, o.ID, "credentials")+" "+kind.Name+" "+kind.Version)
			}
		}
	}
	slices.Sort(want)
	south := nodes["hospital-south"]
	south.await("the south to know of all", func() bool {
		var list struct{ Items []ledger.TrustRow }
		south.want(http.StatusOK, "auditor", http.MethodGet, "/v1/trust?state=accepted&size=200", nil, &list)
		var got []string
		for _, r := range list.Items {
			got = append(got, r.Issuer+" "+r.CredentialType+" "+r.Schema)
		}
		slices.Sort(got)
		return slices.Equal(got, want)
	})
	before := identityBlocks(c)
	var out bytes.Buffer
	if err := demo.Seed(t.Context(), demo.Target{Dir: network.Dir}, &out); err != nil || !strings.Contains(out.String(), "nothing was changed") {
		t.Errorf("once more: %v\n%s", err, &out)
	}
	if after := identityBlocks(c); after != before {
		t.Errorf("a second run wrote %d transactions about identities", after-before)
	}
	seen := nodes["hospital-north"].subjects()
	for subject, n := range seen {
		if n != 1 {
			t.Errorf("%s was asked %d times", subject, n)
		}
	}
	if cut == 0 || len(seen) != len(want) {
		t.Errorf("cut off %d times; %d issuers and types were asked about, want %d", cut, len(seen), len(want))
	}
	status, b := south.call("auditor", http.MethodGet, "/v1/schemas/StaffRole/1.0.0", nil, nil)
	kind, _ := catalogue.Find("StaffRole")
	if status != http.StatusOK || !bytes.Equal(b, kind.Schema()) {
		t.Errorf("the schema: %d %s", status, b)
	}
}

// identityBlocks counts the transactions about identities.
func identityBlocks(c *consortium) int {
	n := 0
	for _, b := range c.network.Ledger.Blocks(0) {
		for i := range b.Txs {
			if strings.HasPrefix(b.Txs[i].Name, "identity:") {
				n++
			}
		}
	}
	return n
}

// subjects counts the proposals about each issuer and type.
func (r *running) subjects() map[string]int {
	seen := map[string]int{}
	for cursor := ""; ; {
		var list struct {
			Items []struct{ Subject ledger.ProposalSubject }
			Next  string
		}
		r.want(http.StatusOK, "auditor", http.MethodGet, "/v1/proposals?size=7&cursor="+cursor, nil, &list)
		for _, p := range list.Items {
			seen[p.Subject.Issuer+" "+p.Subject.CredentialType]++
		}
		if cursor = list.Next; cursor == "" {
			return seen
		}
	}
}
