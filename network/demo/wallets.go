package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"sync/atomic"
	"time"

	"github.com/secant-platform/secant/network/disk"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// walletsAtOnce is how many wallets are looked after side by side: each is a program
// of its own.
const walletsAtOnce = 4

// releaserLife is for how long releasers are: their type says a shift's length, which
// would end between two looks at a development network.
const releaserLife = "168h"

// claims are what the credentials of the people say of them, by wallet.
var claims = map[string]map[string]any{
	"patient": {
		"given_name": "Ilse", "family_name": "Brandvold", "birthdate": "1971-04-09", "gender": "female",
		"patient_number": "HN-P-550071", "insurance_number": "KV-8810-2207", "age_over_18": true,
	},
	"nurse":              staff("Mireia", "Kowalczyk", "HN-S-20417"),
	"doctor":             staff("Tendai", "Achterberg", "HN-S-20088"),
	"analyst":            staff("Yusuf", "Lindgreen", "HN-S-31502"),
	"auditor":            staff("Beatriz", "Hollander", "HN-S-31777"),
	"maker":              staff("Anselm", "Novakova", "MT-S-00913"),
	"releaser-north":     staff("Rosalind", "Ekwueme", "HN-S-20650"),
	"releaser-authority": staff("Casimir", "Thorvald", "AU-S-00042"),
}

func staff(given, family, number string) map[string]any {
	return map[string]any{"given_name": given, "family_name": family, "staff_number": number}
}

// claimsOf are all claims of a person's credential.
func claimsOf(p topology.Person) map[string]any {
	all := maps.Clone(claims[p.Wallet])
	if p.Credential == topology.CredentialStaff {
		all["role"], all["organisation"] = p.Role, p.Organisation
	}
	return all
}

// wallets gives each of the people a wallet with a credential that their
// organisation's node issues. One that nears its end is renewed.
func (s *seeding) wallets(ctx context.Context) error {
	begin := time.Now()
	if _, err := os.Stat(s.net.RootsFile()); errors.Is(err, fs.ErrNotExist) {
		return nil // no wallet could reach these nodes
	}
	if err := s.walletKey(); err != nil {
		return err
	}
	people := slices.DeleteFunc(topology.People(), func(p topology.Person) bool {
		o, here := s.net.Organisation(p.Organisation)
		return !here || o.Node.PublicURL() == ""
	})
	var issued atomic.Int64
	for part := range slices.Chunk(people, walletsAtOnce) {
		err := atOnce(ctx, len(part), func(ctx context.Context, i int) error {
			made, err := s.ensureWallet(ctx, part[i])
			if made {
				issued.Add(1)
			}
			return s.count(made, err)
		})
		if err != nil {
			return err
		}
	}
	if n := issued.Load(); n > 0 {
		s.say.line(fmt.Sprintf("issued credentials to %d people, whose wallets are in %s; the key beside them opens them: for development only (%s)",
			n, s.net.WalletsDir(), since(begin)))
	}
	return nil
}

// walletKey makes the file that opens the wallets, unless it is there.
func (s *seeding) walletKey() error {
	if _, err := os.Stat(s.net.WalletKey()); !errors.Is(err, fs.ErrNotExist) {
		return err //nolint:wrapcheck // names the file
	}
	if err := os.MkdirAll(s.net.WalletsDir(), 0o700); err != nil {
		return fmt.Errorf("making the wallets' directory: %w", err)
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key)                                // never fails (crypto/rand)
	return disk.WriteFile(s.net.WalletKey(), key, 0o600) //nolint:wrapcheck // names the file
}

// credential is what the program says of one that a wallet holds.
type credential struct {
	ID       string    `json:"id"`
	Types    []string  `json:"types"`
	Expires  time.Time `json:"expires"`
	Received time.Time `json:"received"`
}

// ageing reports whether less than a third of a credential's life is left.
func (c *credential) ageing(now time.Time) bool {
	return c.Expires.Sub(now) < c.Expires.Sub(c.Received)/3
}

// ensureWallet makes a person's wallet unless it is there, and has it receive a
// credential unless it holds one that goes on for a while. Those that age go.
func (s *seeding) ensureWallet(ctx context.Context, p topology.Person) (bool, error) {
	out, err := s.wallet(ctx, p, "list", "--json")
	if err != nil {
		if _, create := s.wallet(ctx, p, "create"); create != nil {
			return false, err // there is one, which does not open
		}
		if out, err = s.wallet(ctx, p, "list", "--json"); err != nil {
			return false, err
		}
	}
	var held []credential
	if err := decode(out, "secant wallet list", &held); err != nil {
		return false, err
	}
	held = slices.DeleteFunc(held, func(c credential) bool { return !slices.Contains(c.Types, p.Credential) })
	now := time.Now()
	needed := !slices.ContainsFunc(held, func(c credential) bool { return !c.ageing(now) })
	if needed {
		link, err := s.offer(ctx, p)
		if err != nil {
			return false, err
		}
		if _, err := s.wallet(ctx, p, "receive", "--yes", link); err != nil {
			return false, err
		}
	}
	for _, c := range held {
		if !c.ageing(now) {
			continue
		}
		if _, err := s.wallet(ctx, p, "delete", "--yes", c.ID); err != nil {
			return false, err
		}
	}
	return needed, nil
}

// offer has the person's organisation offer the credential, by its operator, who may give
// every role.
func (s *seeding) offer(ctx context.Context, p topology.Person) (string, error) {
	order := map[string]any{"type": p.Credential, "claims": claimsOf(p), "formats": []string{"dc+sd-jwt"}}
	if p.Credential == topology.CredentialReleaser {
		order["lifetime"] = releaserLife
	}
	body, err := json.Marshal(order)
	if err != nil {
		return "", fmt.Errorf("encoding an offer: %w", err)
	}
	const path = "/v1/credentials/offers"
	a, err := s.as(p.Organisation, operator).do(ctx, request{method: http.MethodPost, path: path, mediaType: "application/json", body: body})
	if err != nil {
		return "", err
	}
	var made struct {
		Link string `json:"link"`
	}
	return made.Link, decode(a.body, path, &made)
}

// wallet runs the program on a person's wallet, and returns what it printed.
func (s *seeding) wallet(ctx context.Context, p topology.Person, args ...string) ([]byte, error) {
	args = append([]string{"--dir", s.net.Dir, "wallet", "--name", p.Wallet, "--key-file", s.net.WalletKey()}, args...)
	c := exec.CommandContext(ctx, s.secant, args...) //nolint:gosec // the program that runs, or the one that was named
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &process.Failure{
			What: "giving the " + p.Wallet + " a wallet", Tail: process.LastLines(errs.Bytes(), 4), Err: err,
			Do: "a wallet that does not open with " + s.net.WalletKey() + " is somebody's own: move " + s.net.WalletDir(p.Wallet) + " away, and run the command again",
		}
	}
	return out.Bytes(), nil
}
