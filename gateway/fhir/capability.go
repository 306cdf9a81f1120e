package fhir

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fhir"
)

// stated is the day of what the statement says, which changes with this package.
var stated = time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)

type object = map[string]any

// metadata answers with the CapabilityStatement (FHIR R4, section 3.1.0.10).
func (a *API) metadata(c *gin.Context) error {
	if err := acceptable(c.Request, c.Request.URL.Query()); err != nil {
		return err
	}
	if mode := c.Query("mode"); mode != "" && mode != "full" && mode != "normative" {
		return badQuery("mode must be full or normative")
	}
	c.Data(http.StatusOK, MediaType, encode(a.capabilities(a.base(c.Request))))
	return nil
}

// smart tells programs how they sign in.
func (a *API) smart(c *gin.Context) error {
	c.Data(http.StatusOK, "application/json", encode(a.Services()))
	return nil
}

func (a *API) capabilities(base string) object {
	validation := "Resources are judged by rules of this server: required elements, codes of required bindings, forms of primitives, references, what is contained. FHIR's own JSON schema is not imported, so that elements besides those are not judged."
	if s := a.schema.Load(); s != nil {
		validation = "Resources are judged by FHIR's own JSON schema of their type (SHA-256 " + *s + ") and by rules of this server: codes of required bindings, forms of primitives, references, choices, what is contained."
	}
	var list []object
	for _, typ := range fhir.Types {
		list = append(list, a.resource(typ))
	}
	list = append(list, subscriptionCapability())
	return object{
		"resourceType": "CapabilityStatement", "status": "active", "date": stated.Format(time.DateOnly), "kind": "instance", "publisher": "SECANT",
		"fhirVersion": "4.0.1", "format": []string{"json", MediaType},
		"software":       object{"name": "SECANT node"},
		"implementation": object{"description": "Devices and what they measure, proven to be unchanged since they were received", "url": base},
		"rest": []object{{
			"mode": "server",
			"documentation": "The bytes received are what is hashed and kept: [type]/[id]/$received answers with them, [type]/[id]/$verify says what is proven about them. " +
				"The server gives id, version and time. Nothing is deleted. " + validation +
				" An observation that names a device is taken when that is a device of this organisation in service. A search that is not understood is refused, unless Prefer: handling=lenient.",
			"security": object{
				"description": "Tokens of SMART Backend Services (private_key_jwt), of people who signed in, or a device's signature.",
				"service": []object{{"coding": []object{{
					"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "SMART-on-FHIR",
				}}}},
			},
			"interaction": []object{{"code": "transaction"}, {"code": "batch"}},
			"operation":   []object{{"name": "export", "definition": "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export"}},
			"resource":    list,
		}},
	}
}

func (a *API) resource(typ string) object {
	params := []object{{"name": "_id", "type": "token"}, {"name": "_lastUpdated", "type": "date"}}
	for _, p := range fhir.Params[typ] {
		params = append(params, object{"name": p.Name, "type": string(p.Way)})
	}
	r := object{
		"type": typ, "versioning": "versioned", "readHistory": true, "updateCreate": true,
		"conditionalCreate": true, "conditionalRead": "not-match", "conditionalUpdate": false, "conditionalDelete": "not-supported",
		"interaction": []object{
			{"code": "read"}, {"code": "vread"}, {"code": "create"}, {"code": "update"}, {"code": "history-instance"}, {"code": "search-type"},
		},
		"searchParam":     params,
		"referencePolicy": []string{"literal", "logical"},
	}
	if typ == "Patient" {
		r["documentation"] = "Kept encrypted, and found by id and identifier alone: no name stands in an index."
	}
	return r
}
