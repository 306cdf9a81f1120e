package catalogue

import "github.com/secant-platform/secant/chaincode/ledger"

// What every credential of a device says of it.
var (
	unit    = Claim{Name: "unit", Open: true, Label: Text{"Device", "Gerät", "Dispositif"}}
	di      = Claim{Name: "di", Open: true, Label: Text{"Device identifier (UDI-DI)", "Gerätekennung (UDI-DI)", "Identifiant du dispositif (IUD-ID)"}}
	release = Claim{Name: "release", Open: true, Label: Text{"Software release", "Softwarestand", "Version logicielle"}}
)

// devices are the types whose subject is a device of the ledger.
var devices = []*Type{
	{
		Name: "DeviceBirth", Version: "1.0.0", Subject: Device, ByDevice: true, Issuers: makers,
		Formats: []Format{SDJWT, JWT, LD}, Suites: linked, W3C: w3c("DeviceBirth"), Contexts: []string{context("DeviceBirth")},
		Life: 10 * 365 * day, MaxLife: 20 * 365 * day,
		Display: Display{Text{"Device birth", "Herkunft des Geräts", "Origine du dispositif"}, "#2f4858", "#ffffff"},
		Claims: []Claim{
			unit, di,
			{Name: "manufacturer", Open: true, Issuer: true, Label: Text{"Manufacturer", "Hersteller", "Fabricant"}},
			{Name: "model", Open: true, Label: Text{"Model", "Modell", "Modèle"}},
			{Name: "lot", Open: true, Label: Text{"Lot", "Charge", "Lot"}},
			release,
			{Name: "made", Open: true, Label: Text{"Made on", "Hergestellt am", "Fabriqué le"}},
			{Name: "idevid", Open: true, Label: Text{"Identity certificate (IDevID)", "Identitätszertifikat (IDevID)", "Certificat d’identité (IDevID)"}},
			{Name: "serial_number", Label: Text{"Serial number", "Seriennummer", "Numéro de série"}},
		},
	},
	{
		Name: "DeviceOperation", Version: "1.0.0", Subject: Device, ByDevice: true, Issuers: hospitals,
		Formats: []Format{SDJWT, JWT, LD}, Suites: linked, W3C: w3c("DeviceOperation"), Contexts: []string{context("DeviceOperation")},
		Life: 365 * day, MaxLife: 2 * 365 * day,
		Display: Display{Text{"Device in service", "Gerät im Betrieb", "Dispositif en service"}, "#0f6e5a", "#ffffff"},
		Claims: []Claim{
			unit, di,
			{Name: "owner", Open: true, Issuer: true, Label: Text{"Owner", "Betreiber", "Exploitant"}},
			release,
			{Name: "since", Open: true, Label: Text{"In service since", "Im Betrieb seit", "En service depuis"}},
			{Name: "ldevid", Open: true, Label: Text{"Local certificate (LDevID)", "Lokales Zertifikat (LDevID)", "Certificat local (LDevID)"}},
			{Name: "location", Label: Text{"Location", "Standort", "Emplacement"}},
			{Name: "purpose", Label: Text{"Purpose", "Verwendung", "Usage"}},
		},
	},
	{
		Name: "DeviceCertification", Version: "1.0.0", Subject: Device, Issuers: []string{ledger.KindAuthority},
		// A lasting signature is over what the data model 2.0 has signed, and over JWTs.
		Formats: []Format{SDJWT, JWT, LD}, Suites: []Suite{RDFC2022}, W3C: w3c("DeviceCertification"), Contexts: []string{context("DeviceCertification")},
		Life: 365 * day, MaxLife: 3 * 365 * day, Lasting: true,
		Display: Display{Text{"Device certification", "Gerätezertifizierung", "Certification du dispositif"}, "#7a3e00", "#ffffff"},
		Claims: []Claim{
			unit, di,
			{Name: "verdict", Open: true, Label: Text{"Verdict", "Urteil", "Verdict"}},
			{Name: "assessor", Open: true, Issuer: true, Label: Text{"Assessed by", "Geprüft durch", "Évalué par"}},
			release,
			{Name: "catalogue", Open: true, Label: Text{"Controls", "Prüfkatalog", "Référentiel"}},
			{Name: "score", Open: true, Label: Text{"Score (of 10000)", "Punkte (von 10000)", "Score (sur 10000)"}},
			{Name: "assessed", Open: true, Label: Text{"Assessed on", "Geprüft am", "Évalué le"}},
			{Name: "result_digest", Open: true, Label: Text{"Digest of the results", "Prüfsumme der Ergebnisse", "Empreinte des résultats"}},
			{Name: "conditions", Label: Text{"Conditions", "Auflagen", "Conditions"}},
		},
	},
}
