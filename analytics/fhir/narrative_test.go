package fhir

import "testing"

// TestNarrativesRunNothing, also where a browser reads them as HTML and not as XML.
func TestNarrativesRunNothing(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		`<div xmlns="http://www.w3.org/1999/xhtml"><p class="x">Heart rate <b>72</b> &lt; 80<!-- said --></p></div>`,
		`<div><a href="https://maker.example/?javascript:">x</a><img src="data:image/png;base64,AA=="/><img src="#image"/></div>`,
	} {
		if !isNarrative(good) {
			t.Errorf("refused: %s", good)
		}
	}
	for _, bad := range []string{
		`<div><script>x</script></div>`, `<div onclick="x"/>`, `<div><a href="javascript:x">x</a></div>`,
		"<div><a href=\"java&#9;script:x\">x</a></div>", "<div><a href=\"&#1;javascript:x\">x</a></div>", `<div><a href="JaVa&#10;ScRiPt:x">x</a></div>`,
		`<div><a href="data:text/html,x">x</a></div>`, `<div><img src="data:image/svg+xml,x"/></div>`,
		`<div><![CDATA[><img src=x onerror=x>]]></div>`,
		`<div><!--><img src=x onerror=x>--></div>`, `<div><!--->x--></div>`, `<div><!-- --!><img src=x onerror=x> --></div>`,
		`<div><xmp><img title="&lt;/xmp><img src=x onerror=x>"/></xmp></div>`, `<div><noscript/></div>`, `<div><textarea/></div>`, `<div><video src="x"/></div>`,
	} {
		if isNarrative(bad) {
			t.Errorf("taken: %s", bad)
		}
	}
}
