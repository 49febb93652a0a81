package casegen

import (
	"strings"
	"time"
	_ "time/tzdata" // People live in zones, and a small machine may have no data of them.
)

// Person is somebody who writes.
type Person struct {
	Name, Address string
	Account       string // "" is the company itself.
	Zone          *time.Location
	Language      string // en or de; others write English to their supplier.
	Program       string // outlook, gmail, apple, iphone, thunderbird or plain.
	Closing       string // "" when nothing closes the mail.
	Below         string // Lines of the signature below the name.
	Disclaimer    string
}

func (p *Person) first() string { return strings.Fields(p.Name)[0] }

// Account is a customer.
type Account struct {
	ID, Domain string
	People     []*Person
}

const confidential = "This e-mail and any files transmitted with it are confidential and intended solely for the use of the addressee."

// people are those of the demo's stories. How they close their mail is added
// here, since it differs from one to the other as it does among real people.
func people() (all []*Person) {
	for _, p := range []struct{ name, address, account, zone, language, program, closing, below string }{
		{"Northwind Support", "support@northwind.example", "", "Europe/Amsterdam", "en", "plain", "", "support@northwind.example | Mon-Fri 8:00-18:00 CET"},
		{"Kim Berg", "kim@northwind.example", "", "Europe/Amsterdam", "en", "outlook", "Kind regards,", "Support Specialist\nNorthwind Support"},
		{"Marta Olsen", "marta@northwind.example", "", "Europe/Amsterdam", "en", "outlook", "", "Manager, Customer Support\nNorthwind Support\nT +31 10 555 0142"},
		{"Ines Farrowdale", "ines@northwind.example", "", "Europe/Amsterdam", "en", "apple", "Best,", "Firmware lead"},
		{"Joost Vantorre", "joost@northwind.example", "", "Europe/Amsterdam", "en", "outlook", "Regards", "Logistics\nNorthwind Support"},
		{"Theo Brandlight", "theo@northwind.example", "", "Europe/Amsterdam", "en", "gmail", "Best wishes", "Key accounts\nNorthwind Support"},
		{"Kim Berg", "kim@northwind.example", "", "Europe/Amsterdam", "de", "outlook", "Mit freundlichen Grüßen", "Technischer Support\nNorthwind Support"},
		{"Dana Whitlock", "dana.whitlock@acme.example", "acme", "America/Chicago", "en", "outlook", "Best regards,", "Director of Operations\nAcme Bottling Company\nPlant 2, Milwaukee\nO: +1 414 555 0118"},
		{"Rolf Okonjo-Beck", "rolf.okonjo-beck@acme.example", "acme", "America/Chicago", "en", "gmail", "Thanks,", "Controls & Maintenance, Acme Plant 2"},
		{"Imelda Castellan", "imelda.castellan@acme.example", "acme", "America/Chicago", "en", "outlook", "Sincerely,", "Chief Financial Officer\nAcme Bottling Company"},
		{"Sunniva Halvorsen-Lie", "sunniva@halvorsen-marine.example", "halvorsen", "Europe/Oslo", "en", "apple", "Best wishes,", "Technical Manager, Halvorsen Marine AS\nTromsø"},
		{"Eirik Stormdal", "eirik@halvorsen-marine.example", "halvorsen", "Europe/Oslo", "en", "iphone", "", ""},
		{"Solène Vautrinel", "solene.vautrinel@brasseriedumont.example", "dumont", "Europe/Paris", "en", "gmail", "Cordialement,", "Comptabilité fournisseurs\nBrasserie Dumont"},
		{"Bastien Lormier", "bastien.lormier@brasseriedumont.example", "dumont", "Europe/Paris", "en", "thunderbird", "Regards", "Responsable maintenance, Brasserie Dumont"},
		{"Fionn O'Brien-Tully", "fionn@obrien-logistics.example", "obrien", "Europe/Dublin", "en", "gmail", "Cheers", "O'Brien Logistics, Cork"},
		{"Niamh Carrowmore", "niamh@obrien-logistics.example", "obrien", "Europe/Dublin", "en", "iphone", "Thanks", ""},
		{"Íker Tallervega", "iker@tallervega.example", "taller-vega", "Europe/Madrid", "en", "outlook", "Saludos", "Gerente\nTaller Vega, S.L. – Zaragoza"},
		{"Nerea Solbarán", "nerea@tallervega.example", "taller-vega", "Europe/Madrid", "en", "plain", "Regards,", "Automatización – Taller Vega"},
		{"杜野 健吾", "morino@kitano.example", "kitano", "Asia/Tokyo", "en", "plain", "Best regards,", "Kitano, Purchasing"},
		{"Gundula Wehrstedt", "g.wehrstedt@schreiber-optik.example", "schreiber", "Europe/Berlin", "de", "outlook", "Mit freundlichen Grüßen", "Datenschutzbeauftragte\nSchreiber Optik GmbH & Co. KG, Jena"},
		{"Ruprecht Schönhals", "r.schoenhals@schreiber-optik.example", "schreiber", "Europe/Berlin", "de", "thunderbird", "Viele Grüße", "IT-Leitung, Schreiber Optik"},
	} {
		zone, err := time.LoadLocation(p.zone)
		if err != nil {
			panic(err) // The data is part of the program.
		}
		disclaimer := ""
		if p.name == "Imelda Castellan" {
			disclaimer = confidential
		}
		all = append(all, &Person{p.name, p.address, p.account, zone, p.language, p.program, p.closing, p.below, disclaimer})
	}
	return all
}

// who finds a person by the local part of the address; Kim writes German as "kim-de".
func (g *generator) who(local string) *Person {
	local, german := strings.CutSuffix(local, "-de")
	for _, p := range g.people {
		if strings.HasPrefix(p.Address, local+"@") && (!german || p.Language == "de") {
			return p
		}
	}
	panic("nobody is called " + local)
}
