package taxii

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// collectionView is a collection resource (section 5.2.1).
type collectionView struct {
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Description string   `json:"description,omitempty"`
	Alias       string   `json:"alias,omitempty"`
	CanRead     bool     `json:"can_read"`
	CanWrite    bool     `json:"can_write"`
	MediaTypes  []string `json:"media_types"`
}

func view(c *Collection, r *http.Request) collectionView {
	caller := auth.CallerOf(r.Context())
	return collectionView{
		ID: c.ID, Title: c.Title, Description: c.Description, Alias: c.Alias,
		CanRead: true, CanWrite: c.Writable && caller != nil && caller.Role.Has(auth.ThreatsShare), MediaTypes: []string{stixType},
	}
}

func (a *API) collections(c *gin.Context) error {
	all := make([]collectionView, len(a.Collections))
	for i := range a.Collections {
		all[i] = view(&a.Collections[i], c.Request)
	}
	return answer(c, map[string]any{"collections": all})
}

func (a *API) collection(c *gin.Context) error {
	one, err := a.named(c)
	if err != nil {
		return err
	}
	return answer(c, view(one, c.Request))
}

// named finds the collection by its id or its alias (section 5.2).
func (a *API) named(c *gin.Context) (*Collection, error) {
	name := c.Param("collection")
	i := slices.IndexFunc(a.Collections, func(one Collection) bool { return one.ID == name || one.Alias == name })
	if i < 0 {
		return nil, ledger.Problemf(ledger.CodeNotFound, "there is no such collection")
	}
	return &a.Collections[i], nil
}

// writable is named for who changes what is in it.
func (a *API) writable(c *gin.Context) (*Collection, error) {
	one, err := a.named(c)
	if err == nil && !one.Writable {
		return nil, ledger.Problemf(ledger.CodeDenied, "nothing is added to or deleted from this collection by TAXII")
	}
	return one, err
}
