package client

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	fabric "github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// SignedRead has a read endorsed by peers of a majority of the organisations, or
// of more when the policy wants so, and never submits it. What comes back
// proves itself to anyone who trusts the organisations' certificate roots; before
// it is returned it is checked here in all but those roots, so that a broken one
// is noticed while it can be replaced.
//
// While the endorsing peers do not have the same blocks yet, or too few answer,
// it tries again until ctx ends or as long as [Submit] does by default.
func (c *Client) SignedRead(ctx context.Context, name string, req any) (*ledger.SignedRead, error) {
	limited, cancel := context.WithTimeout(ctx, defaultTotal)
	defer cancel()
	failed := map[string]bool{}
	var last error
	for try := 0; ; try++ {
		read, err := c.signedRead(limited, name, req, c.readers(failed)...)
		if err == nil {
			return read, nil
		}
		noteFailed(failed, err)
		// A try that the end of time cut short says less than the one before.
		if limited.Err() == nil || last == nil {
			last = err
		}
		if !retryable(last) || !wait(limited, try) {
			return nil, fmt.Errorf("reading %s with signatures: %w", name, giveUp(ctx, last))
		}
	}
}

// readers names the organisations that a read is to be endorsed by where the
// policy for transactions is content with fewer: the gateway, left to choose,
// would ask no more than that. Elsewhere it names none, since the gateway knows
// which peers are up and at what height, and passes over those that fail. The own
// organisation comes first, those that failed last, the others by chance.
func (c *Client) readers(failed map[string]bool) []string {
	if c.opts.trust == nil {
		return nil
	}
	epoch, ok := c.opts.trust().At(time.Now())
	if !ok || epoch.Needed() >= epoch.ReadNeeded() {
		return nil
	}
	rank := func(org string) int {
		switch {
		case failed[org]:
			return 2
		case org == c.cfg.Organisation:
			return 0
		}
		return 1
	}
	var names []string
	for _, o := range epoch.Organisations {
		names = append(names, o.ID)
	}
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] }) //nolint:gosec // spreads the load, protects nothing
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	return names[:epoch.ReadNeeded()]
}

// noteFailed notes the organisations whose peers an error of the gateway names.
func noteFailed(failed map[string]bool, err error) {
	for _, d := range status.Convert(err).Details() {
		if detail, ok := d.(*gateway.ErrorDetail); ok {
			failed[detail.GetMspId()] = true
		}
	}
}

func (c *Client) signedRead(ctx context.Context, name string, req any, by ...string) (*ledger.SignedRead, error) {
	a, err := c.actor(c.reads)
	if err != nil {
		return nil, err
	}
	var opts []fabric.ProposalOption
	if len(by) > 0 {
		opts = append(opts, fabric.WithEndorsingOrganizations(by...))
	}
	tx, err := c.endorse(ctx, a, name, req, opts...)
	if err != nil {
		return nil, err
	}
	encoded, err := tx.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encoding the endorsed read: %w", err)
	}
	read, err := takeRead(encoded)
	if err != nil {
		return nil, err
	}
	organisations, err := checkRead(read)
	if err != nil {
		return nil, fmt.Errorf("checking the endorsed read: %w", err)
	}
	if err := c.suffice(read, organisations); err != nil {
		return nil, err
	}
	return read, nil
}

// suffice wants as many organisations as a read needs at its time, for that is how
// a verifier will judge it, whenever that is.
func (c *Client) suffice(read *ledger.SignedRead, organisations []string) error {
	count, needed := len(organisations), c.majority
	if c.opts.trust != nil {
		var header common.ChannelHeader
		if err := proto.Unmarshal(read.ChannelHeader, &header); err != nil {
			return fmt.Errorf("reading the header of the endorsed read: %w", err)
		}
		epoch, ok := c.opts.trust().At(header.GetTimestamp().AsTime())
		if !ok {
			return ledger.Problemf(ledger.CodeUnavailable, "the trust file has no epoch for the time of the read")
		}
		count, needed = 0, epoch.ReadNeeded()
		for _, o := range epoch.Organisations {
			if slices.Contains(organisations, o.ID) {
				count++
			}
		}
	}
	if count < needed {
		return ledger.Problemf(ledger.CodeUnavailable, "peers of %d organisations signed, and %d are needed", count, needed)
	}
	return nil
}

// takeRead takes from an endorsed transaction the bytes that peers hashed and
// signed, exactly as they stand in it.
func takeRead(encoded []byte) (*ledger.SignedRead, error) {
	var (
		prepared    gateway.PreparedTransaction
		payload     common.Payload
		transaction peer.Transaction
		action      peer.ChaincodeActionPayload
	)
	if err := proto.Unmarshal(encoded, &prepared); err != nil {
		return nil, fmt.Errorf("reading the endorsed read: %w", err)
	}
	if err := proto.Unmarshal(prepared.GetEnvelope().GetPayload(), &payload); err != nil {
		return nil, fmt.Errorf("reading the payload of the endorsed read: %w", err)
	}
	if err := proto.Unmarshal(payload.GetData(), &transaction); err != nil {
		return nil, fmt.Errorf("reading the transaction of the endorsed read: %w", err)
	}
	if len(transaction.GetActions()) != 1 {
		return nil, errors.New("the endorsed read has not exactly one action")
	}
	if err := proto.Unmarshal(transaction.GetActions()[0].GetPayload(), &action); err != nil {
		return nil, fmt.Errorf("reading the action of the endorsed read: %w", err)
	}
	read := &ledger.SignedRead{
		ChannelHeader:   payload.GetHeader().GetChannelHeader(),
		SignatureHeader: payload.GetHeader().GetSignatureHeader(),
		Proposal:        action.GetChaincodeProposalPayload(),
		Response:        action.GetAction().GetProposalResponsePayload(),
	}
	for _, e := range action.GetAction().GetEndorsements() {
		read.Endorsements = append(read.Endorsements, ledger.Endorsement{Endorser: e.GetEndorser(), Signature: e.GetSignature()})
	}
	return read, nil
}

// checkRead checks that the response answers this proposal, that it says
// success, and that every signature is its endorser's. It returns the
// organisations that signed, each once, and takes their certificates as they
// are: whether to believe those is the verifier's question.
func checkRead(read *ledger.SignedRead) ([]string, error) {
	var (
		response peer.ProposalResponsePayload
		result   peer.ChaincodeAction
	)
	if err := proto.Unmarshal(read.Response, &response); err != nil {
		return nil, fmt.Errorf("reading the response: %w", err)
	}
	if err := proto.Unmarshal(response.GetExtension(), &result); err != nil {
		return nil, fmt.Errorf("reading the result: %w", err)
	}
	hash := sha256.New()
	for _, part := range [][]byte{read.ChannelHeader, read.SignatureHeader, read.Proposal} {
		hash.Write(part)
	}
	if !bytes.Equal(hash.Sum(nil), response.GetProposalHash()) {
		return nil, errors.New("the response is to another proposal")
	}
	if status := result.GetResponse().GetStatus(); status != 200 {
		return nil, fmt.Errorf("the response has status %d", status)
	}
	var organisations []string
	seen := map[string]bool{}
	for _, e := range read.Endorsements {
		organisation, err := checkEndorsement(read.Response, e)
		if err != nil {
			return nil, err
		}
		if !seen[organisation] {
			seen[organisation] = true
			organisations = append(organisations, organisation)
		}
	}
	return organisations, nil
}

// checkEndorsement checks one signature, over the response and the endorser's
// identity, and returns the endorser's organisation.
func checkEndorsement(response []byte, e ledger.Endorsement) (string, error) {
	var id msp.SerializedIdentity
	if err := proto.Unmarshal(e.Endorser, &id); err != nil {
		return "", fmt.Errorf("reading an endorser's identity: %w", err)
	}
	block, _ := pem.Decode(id.GetIdBytes())
	if block == nil {
		return "", fmt.Errorf("the endorser of %s has no certificate", id.GetMspid())
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("reading the certificate of the endorser of %s: %w", id.GetMspid(), err)
	}
	signed := append(append(make([]byte, 0, len(response)+len(e.Endorser)), response...), e.Endorser...)
	ok := false
	switch key := cert.PublicKey.(type) {
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(signed)
		ok = ecdsa.VerifyASN1(key, sum[:], e.Signature)
	case ed25519.PublicKey:
		ok = ed25519.Verify(key, signed, e.Signature)
	}
	if !ok {
		return "", fmt.Errorf("the signature of the endorser of %s does not fit", id.GetMspid())
	}
	return id.GetMspid(), nil
}
