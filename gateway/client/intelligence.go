package client

import (
	"context"
	"net/http"
	"net/url"
)

// TakenIn is what became of what was handed in.
type TakenIn struct {
	Format  string   `json:"format"`  // in which it was read
	New     int      `json:"new"`     // things that were not there
	Known   int      `json:"known"`   // things that were there already
	Refused int      `json:"refused"` // things that could not be read
	Reasons []string `json:"reasons"` // why: of the first ones
}

// PushIntelligence hands in what a security tool says, or a report, as of a source; with
// an empty format it is read in the one that it looks like. It may be handed in again.
// Right: intelligence:write.
func (c *Client) PushIntelligence(ctx context.Context, source, format string, document []byte) (*TakenIn, error) {
	var out TakenIn
	return found(&out, c.call(ctx, request{
		method: http.MethodPost, path: "/v1/intelligence/" + url.PathEscape(source), query: values("format", format), media: "application/octet-stream", body: document,
	}, &out))
}
