package index

import "strings"

// A phrase of words that nearly every message has would have to look at the places
// of each of them in nearly every message. So a body also has each pair of the most frequent
// words of a language that stand next to each other as a term, without places: there are few
// such pairs, and a phrase of two of them is answered by that alone. The words are folded; they never change meaning,
// more of them need a new format.
var frequentWords = func() map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(`
a about after all also am an and any are as at be been before but by can could did do does for from get had has have he her here him his how i if in into is it its just
know like may me more my need new no not now of on one only or other our out over please re see she should so some such than thank thanks that the their them then there these they this
time to up us use was we were what when which who will with would you your http https www com
aber als am an auch auf aus bei bin bis bitte da das dass dem den der des die dies diese dieser durch ein eine einen einer eines er es fur haben hat hier ich ihm ihn ihr ihre ihren im ist
ja kann kein keine konnen man mehr mein mich mir mit nach nicht noch nur oder schon sehr sein sich sie sind so uber um und uns unser unter vom von vor war was wenn werden wie wir wird wurde zu zum zur
au aux avec ce ces cette dans de des du elle en est et etre il ils je la le les leur lui mais merci mon ne nous on ou ou par pas plus pour que qui sa sans se ses si son sont sur tout un une vos votre vous
al como con cual de del desde el ella en entre es esta este esto fue gracias ha hay la las le lo los mas me mi muy no nos o para pero por porque que se ser si sin sobre su sus te tiene un una y ya
alla anche che ci come con da dal del della delle di e ed gli grazie ho i il in la le lo ma mi nel nella non o per piu questo se si sono su un una
aan als bij dat de deze die dit door een en er geen heb heeft het hij ik in is je kan maar met meer mijn naar niet nog of om ons ook op over te tot u uit uw van voor was wat we wel wij worden wordt ze zijn zo
ao as com como da das de do dos e em esta foi mais mas na nao nas no nos o obrigado os ou para pela pelo por que sao se seu sua tem um uma`) {
		all[w] = true
	}
	return all
}()

// pairTerm is the term of two frequent words next to each other.
func pairTerm(a, b string) string { return a + " " + b }

// frequent reports whether a body has a term for two words of a phrase.
func frequent(a, b Slot) bool {
	return !a.Prefix && !b.Prefix && frequentWords[a.Text] && frequentWords[b.Text]
}

// pairs narrows candidates for a phrase in bodies to those that have its pairs of frequent words. all
// says that nothing more is to be asked.
func (f *finder) pairs(slots []Slot, s docSet) (_ docSet, all bool, err error) {
	for i := 1; i < len(slots) && !s.empty(); i++ {
		if !frequent(slots[i-1], slots[i]) {
			continue
		}
		k, err := f.slot(fieldPair, Slot{Text: pairTerm(slots[i-1].Text, slots[i].Text)}, s)
		if err != nil {
			return nil, false, err
		}
		s.and(k)
		f.drop(k)
		all = len(slots) == 2
	}
	return s, all, nil
}
