package client

import (
	"context"
	"net/http"
)

// WarninglistTaken is what became of a warninglist that was handed in.
type WarninglistTaken struct {
	Name  string `json:"name"`
	Count int    `json:"count"` // entries that count
	Left  int    `json:"left"`  // entries that mean nothing to the node
}

// PutWarninglist hands in a list of values that raise false alarms, in the format of
// MISP's warninglists. Right: advisories:write.
func (c *Client) PutWarninglist(ctx context.Context, list []byte) (*WarninglistTaken, error) {
	var out WarninglistTaken
	return found(&out, c.call(ctx, request{method: http.MethodPut, path: "/v1/warninglists", media: mediaJSON, body: list}, &out))
}

// PutDecayingModel hands in a model of how confidence in indicators fades, in MISP's
// format, and returns its name. Right: advisories:write.
func (c *Client) PutDecayingModel(ctx context.Context, model []byte) (name string, err error) {
	var out struct {
		Name string `json:"name"`
	}
	err = c.call(ctx, request{method: http.MethodPut, path: "/v1/decaying-models", media: mediaJSON, body: model}, &out)
	return out.Name, err
}
