package app

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/gateway/agreement"
	"github.com/secant-platform/secant/gateway/telemetry"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// deskService says on the ledger that the node asks for statements from there.
func deskService(base string) ledger.Service {
	return ledger.Service{ID: "statements", Type: ledger.ServiceStatementDesk, ServiceEndpoint: base + verifierPath}
}

// statementAsker is the node as wallets know it that are asked for statements: by
// the name of its public host. Older wallets are asked by the same name, as they know
// no other, for credentials that can be no statement; for all else the node asks by the
// digest of its certificate. Nil: the certificate is not for that host, so that neither
// can be asked.
func (n *node) statementAsker(ctx context.Context, signer keys.Signer, chain []*x509.Certificate) *oid4vp.Client {
	address := deskService(n.cfg.PublicURL()).ServiceEndpoint
	id := ledger.StatementClient(address)
	asker, err := oid4vp.NewDNSClient(signer, strings.TrimPrefix(id, oid4vp.PrefixDNS+":"), chain)
	if err != nil {
		n.logger.WarnContext(ctx, "wallets of others cannot sign statements here, and older ones prove nothing: the certificate of the public address is not for its host", slog.Any(telemetry.KeyError, err))
		return nil
	}
	return asker.Reserved()
}

// openAgreements makes the desk that gathers persons' signatures.
func (n *node) openAgreements(i *identity, lists *listSource) (*agreement.Desk, error) {
	return agreement.New(agreement.Options{
		Network: i.name.Network, Channel: n.cfg.Ledger.Channel, Flows: n.store, Now: time.Now, Logger: n.logger,
		Ask: func(ctx context.Context, q oid4vp.Question) (*oid4vp.Asked, error) { return i.asker.Ask(ctx, q) }, Client: i.statements,
		Judge: func(ctx context.Context, token, credentialType, nonce, audience string) (*check.Credential, error) {
			return i.verifier.Verify(ctx, check.Presented{Format: catalogue.SDJWT, Token: token}, check.Want{
				Types: []string{credentialType}, Formats: []catalogue.Format{catalogue.SDJWT}, Nonce: nonce, Audience: audience,
			})
		},
		List: func(ctx context.Context, issuer, uri string) ([]byte, error) {
			b, err := lists.Fetch(ctx, uri, verify.MaxStatusList)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ledger.Problemf(ledger.CodeUnavailable, "a person's status list cannot be fetched"), err)
			}
			row, err := n.store.StatusList(ctx, issuer, (&verify.StatusRef{URI: uri}).List())
			if err != nil {
				return nil, err
			}
			if ledger.BodyDigest(b) != row.Record.Digest {
				return nil, ledger.Problemf(ledger.CodeUnavailable, "a person's status list is not the one to which the ledger commits its issuer")
			}
			return b, nil
		},
		Start: func(ctx context.Context, key string, role ledger.Role, name string, request json.RawMessage) (*fact.Operation, error) {
			return n.worker.Start(ctx, key, role, name, request)
		},
		Operation: n.store.Operation,
	})
}

// beside is what endorsers must see of a command beside its request.
func (n *node) beside(ctx context.Context, name string, request []byte) (client.Transient, error) {
	if n.identity == nil {
		return nil, nil //nolint:nilnil // nothing, and no error
	}
	return n.identity.agreements.Beside(ctx, name, request)
}
