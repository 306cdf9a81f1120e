package label

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
)

const (
	typeLinkset = "application/linkset+json" // RFC 9264
	vocabulary  = "https://gs1.org/voc/"
)

// target is a link's end in a link set (RFC 9264, section 4.2).
type target struct {
	Href     string   `json:"href"`
	Title    string   `json:"title"`
	Type     string   `json:"type"`
	Hreflang []string `json:"hreflang"`
}

// writeSet writes the links of a label. All lead to its page, which says what each
// of them asks for.
func writeSet(c *gin.Context, link string, p *page) error {
	to := []target{{Href: link, Title: p.Model.Name, Type: "text/html", Hreflang: []string{"en"}}}
	b, err := json.Marshal(map[string]any{"linkset": []map[string]any{{
		"anchor": link, "itemDescription": p.Model.Name,
		vocabulary + "defaultLink": to, vocabulary + "pip": to, vocabulary + "safetyInfo": to,
	}}})
	if err != nil {
		return fmt.Errorf("encoding a link set: %w", err)
	}
	c.Data(http.StatusOK, typeLinkset, b)
	return nil
}

// description says what this resolver does (GS1-Conformant Resolver Standard,
// resolver description file).
func (h *handler) description(c *gin.Context) error {
	c.Header("Access-Control-Allow-Origin", "*")
	b, err := json.Marshal(map[string]any{
		"name": h.DisplayName, "resolverRoot": h.base(c), "supportedPrimaryKeys": []string{"01"},
		"supportedContextValuesEnumerated": []string{}, "linkTypeDefaultCanBeLinkset": false, "validatesKeys": true,
	})
	if err != nil {
		return fmt.Errorf("encoding the description of the resolver: %w", err)
	}
	c.Data(http.StatusOK, "application/json", b)
	return nil
}
