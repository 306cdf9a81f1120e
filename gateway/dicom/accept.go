package dicom

import (
	"mime"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/gateway/problem"
)

// acceptable lets pass who takes DICOM JSON, the one form that there is.
func acceptable(c *gin.Context) error {
	list := c.Request.Header.Values("Accept")
	if len(list) == 0 {
		return nil
	}
	for _, value := range list {
		for one := range strings.SplitSeq(value, ",") {
			media, params, err := mime.ParseMediaType(one)
			if err != nil || params["q"] == "0" {
				continue
			}
			switch media {
			case typeMetadata, "application/json", "application/*", "*/*":
				return nil
			}
		}
	}
	return problem.NotAcceptable()
}
