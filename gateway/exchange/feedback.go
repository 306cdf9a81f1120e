package exchange

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// said is what a member says of a report, as it goes under seal.
type said struct {
	V        int       `json:"v"`
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	Count    int       `json:"count,omitempty"`
	First    time.Time `json:"first,omitzero"`
	Last     time.Time `json:"last,omitzero"`
	Opinion  string    `json:"opinion,omitempty"`
	Weight   int       `json:"weight,omitempty"`
	Revision int       `json:"revision,omitempty"`
	Time     time.Time `json:"time"`
}

// maxFeedback bounds an envelope with feedback, in bytes.
const maxFeedback = 16 << 10

var (
	saidLimits   = strictjson.Limits{Bytes: 2 << 10, Depth: 2, Values: 64}
	sightingForm = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// skew is by how much another node's clock may be ahead.
const skew = 2 * time.Minute

// check holds what was said against the rules that hold on the ledger, too.
func (s *said) check(digest, sharer, by string, now time.Time) error {
	switch s.Kind {
	case fact.FeedbackSighting:
		r := ledger.SightThreat{Digest: digest, Sharer: sharer, Count: s.Count, First: s.First, Last: s.Last}
		if err := r.Validate(); err != nil {
			return err
		}
		if !sightingForm.MatchString(s.ID) || s.Last.After(now.Add(skew)) {
			return ledger.Problemf(ledger.CodeInvalid, "the sighting has no name, or is to come")
		}
	case fact.FeedbackOpinion:
		r := ledger.OpineThreat{Digest: digest, Sharer: sharer, Opinion: s.Opinion, Weight: s.Weight, Revision: s.Revision}
		if err := r.Validate(); err != nil {
			return err
		}
		if s.ID != fact.FeedbackOpinion {
			return ledger.Problemf(ledger.CodeInvalid, "the opinion has another name")
		}
		if by == sharer {
			return ledger.Problemf(ledger.CodeDenied, "the report is the caller's own")
		}
	default:
		return ledger.Problemf(ledger.CodeInvalid, "what was said is neither a sighting nor an opinion")
	}
	if s.V != 1 || s.Time.IsZero() || s.Time.After(now.Add(skew)) {
		return ledger.Problemf(ledger.CodeInvalid, "what was said is not of a form that is known here, or is to come")
	}
	return nil
}

func (s *said) fact(digest, by string) *fact.SealedFeedback {
	return &fact.SealedFeedback{
		Digest: digest, By: by, ID: s.ID, Kind: s.Kind, Count: s.Count, First: s.First, Last: s.Last,
		Opinion: s.Opinion, Weight: s.Weight, Revision: s.Revision, Time: s.Time,
	}
}

// Sight tells all who hold a sealed report that this organisation saw what it warns of.
// Problems: not_found, gone, invalid.
func (x *Exchange) Sight(ctx context.Context, digest string, count int, first, last time.Time) error {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: crypto/rand
	return x.SightOnce(ctx, hex.EncodeToString(id[:]), digest, count, first, last)
}

// SightOnce is Sight under a name, of 32 hexadecimal digits, that those who hold the
// report learn: the same name again tells nothing.
func (x *Exchange) SightOnce(ctx context.Context, id, digest string, count int, first, last time.Time) error {
	return x.say(ctx, digest, &said{
		ID: id, Kind: fact.FeedbackSighting, Count: count,
		First: first.UTC().Truncate(time.Millisecond), Last: last.UTC().Truncate(time.Millisecond),
	})
}

// Opine tells them what it thinks of it; the newest holds. Problems: as of Sight, and
// denied for an own report.
func (x *Exchange) Opine(ctx context.Context, digest, opinion string, weight int) error {
	return x.say(ctx, digest, &said{ID: fact.FeedbackOpinion, Kind: fact.FeedbackOpinion, Opinion: opinion, Weight: weight, Revision: 1})
}

// say keeps what this organisation says, and has it delivered. The revision of an opinion
// is the store's to give, so that of two that are said at once each has its own.
func (x *Exchange) say(ctx context.Context, digest string, s *said) error {
	r, o, _, err := x.kept(ctx, digest)
	if err != nil {
		return err
	}
	s.V, s.Time = 1, x.Pace.Now().UTC().Truncate(time.Millisecond)
	if err := s.check(digest, r.Sharer, x.Organisation, s.Time.Add(-skew)); err != nil {
		return err
	}
	f := s.fact(digest, x.Organisation)
	f.Revision = 0
	if err := x.Store.AddSealedFeedback(ctx, f, o.holders(x.Organisation)); err != nil {
		return err
	}
	x.Wake()
	return nil
}

// handFeedback tries once to tell a member what this organisation said.
func (x *Exchange) handFeedback(ctx context.Context, d *fact.Delivery) (taken bool, err error) {
	if !x.holds(d.Copy) {
		if err := x.sealFeedback(ctx, d); err != nil {
			return false, err
		}
	}
	status, _, err := x.Call(ctx, d.Member, http.MethodPost, pathFeedback, d.Copy, maxSigned)
	switch {
	case err != nil:
		return false, err
	case status == http.StatusConflict: // its key was replaced
		return false, x.sealAnew(ctx, d)
	case status != http.StatusNoContent && status != http.StatusGone:
		return false, fmt.Errorf("the node answered with status %d", status)
	}
	x.moves.WithLabelValues(d.Kind, "taken").Inc()
	return true, x.Store.DeliveryTaken(ctx, d.Seq, nil, x.Pace.Now())
}

func (x *Exchange) sealFeedback(ctx context.Context, d *fact.Delivery) error {
	f, err := x.Store.SealedFeedback(ctx, d.Digest, x.Organisation, d.ID)
	if err != nil {
		return err
	}
	plain, err := json.Marshal(said{
		V: 1, ID: f.ID, Kind: f.Kind, Count: f.Count, First: f.First, Last: f.Last,
		Opinion: f.Opinion, Weight: f.Weight, Revision: f.Revision, Time: f.Time,
	})
	if err != nil {
		return fmt.Errorf("encoding what was said: %w", err)
	}
	key, err := x.peer(ctx, d.Member)
	if err != nil {
		return err
	}
	if d.Copy, err = x.seal(d.Kind, d.Digest, key, plain); err != nil {
		return err
	}
	return x.Store.SetCopy(ctx, d.Seq, key.ID, d.Copy)
}

// serveFeedback takes what another holder of a report says of it. Who does not hold it
// learns nothing, not even that it is here.
func (x *Exchange) serveFeedback(c *gin.Context, from string) error {
	text, err := read(c, maxFeedback)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	e, plain, err := x.open(ctx, fact.DeliveryFeedback, "", from, text)
	if err != nil {
		return err
	}
	r, o, _, err := x.kept(ctx, e.Digest)
	switch {
	case ledger.CodeOf(err) == ledger.CodeNotFound, ledger.CodeOf(err) == ledger.CodeGone && from != r.Sharer,
		err == nil && !slices.Contains(o.holders(""), from):
		return errUnknown
	case err != nil:
		return err
	}
	if err := strictjson.Check("what was said", plain, saidLimits); err != nil {
		return err
	}
	var s said
	if err := json.Unmarshal(plain, &s); err != nil {
		return ledger.Problemf(ledger.CodeInvalid, "what was said is not of a form that is known here")
	}
	if err := s.check(e.Digest, r.Sharer, from, x.Pace.Now()); err != nil {
		return err
	}
	if err := x.Store.AddSealedFeedback(ctx, s.fact(e.Digest, from), nil); err != nil {
		return err
	}
	x.moves.WithLabelValues("feedback", "received").Inc()
	x.Wake()
	c.Status(http.StatusNoContent)
	return nil
}
