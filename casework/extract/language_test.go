package extract

import "testing"

func TestTR1_LanguageIsToldBySmallWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"We have sent the order to you, and it is not here.": "en",
		"Please call.": "en",
		"Wir haben die Bestellung nicht erhalten. Bitte senden Sie uns diese zu.": "de",
		"Können Sie das bis Freitag liefern? Das ist dringend.":                   "de",
		"Nous avons envoyé la commande et nous attendons une réponse.":            "other",
		"订单还没有收到": "other",
		"":        "other",
		"GW-4711": "other",
	} {
		if got := Language(text, []Span{{0, len(text)}}); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}
