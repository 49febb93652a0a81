package casework

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

// testHash is the hash of "correct horse battery" with the salt "0123456789abcdef".
const testHash = "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$69I7qCjDTsQwhQqFvpQJiqEI0lGQvxC84fXE0Ktxca4"

func TestPasswordMatchesItsHashAndNoOther(t *testing.T) {
	phc, err := NewPassword("correct horse battery")
	if err != nil || !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("%q, %v", phc, err)
	}
	if !CheckPassword(phc, "correct horse battery") {
		t.Error("the password is refused")
	}
	for _, wrong := range []string{"", "correct horse batterz", "Correct horse battery", strings.Repeat("x", 2000)} {
		if CheckPassword(phc, wrong) {
			t.Errorf("%.20q is taken", wrong)
		}
	}
	again, _ := NewPassword("correct horse battery")
	if again == phc {
		t.Error("the same salt twice")
	}
}

// The hash of a released version must stay good for ever.
func TestKnownHashIsAccepted(t *testing.T) {
	phc, err := HashPassword("correct horse battery", []byte("0123456789abcdef"))
	if err != nil || phc != testHash {
		t.Fatalf("got %s, %v", phc, err)
	}
	if !CheckPassword(testHash, "correct horse battery") {
		t.Error("the known hash is refused")
	}
}

func TestPasswordIsTheSameHoweverAccentsAreTyped(t *testing.T) {
	phc, err := NewPassword("caf\u00e9 au lait, s'il vous plait")
	if err != nil {
		t.Fatal(err)
	}
	if !CheckPassword(phc, "cafe\u0301 au lait, s'il vous plait") {
		t.Error("a decomposed accent is refused")
	}
}

func TestPasswordLimits(t *testing.T) {
	salt := make([]byte, 16)
	for _, bad := range []string{"", "elevenchars", "éééééééééé", strings.Repeat("x", 1025), "invalid \xff\xff\xff utf-8"} {
		if _, err := HashPassword(bad, salt); !errors.Is(err, ErrPassword) {
			t.Errorf("%.20q: got %v", bad, err)
		}
	}
	for _, good := range []string{"twelve chars", strings.Repeat("ü", 512)} {
		if _, err := HashPassword(good, salt); err != nil {
			t.Errorf("%.20q: %v", good, err)
		}
	}
	if _, err := HashPassword("twelve chars", salt[:15]); err == nil || errors.Is(err, ErrPassword) {
		t.Errorf("a short salt: %v", err)
	}
}

func TestBrokenHashAcceptsNothingAndCostsLittle(t *testing.T) {
	for _, phc := range []string{
		"", "x", "$argon2i$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$AAAA",
		strings.Replace(testHash, "v=19", "v=16", 1),
		strings.Replace(testHash, "m=19456", "m=4294967295", 1),
		strings.Replace(testHash, "t=2", "t=0", 1),
		strings.Replace(testHash, "p=1", "p=0", 1),
		testHash + "$", testHash + "!",
	} {
		if validHash(phc) || CheckPassword(phc, "correct horse battery") {
			t.Errorf("%q is taken", phc)
		}
	}
	if CheckPassword("", "") {
		t.Error("a user without a password signs in without one")
	}
}

func TestSecretsAreLongAndDiffer(t *testing.T) {
	a, b := NewSecret(), NewSecret()
	if !regexp.MustCompile(`^[A-Z2-7]{26}$`).MatchString(a) || a == b || SecretHash(a) == SecretHash(b) {
		t.Errorf("%q and %q", a, b)
	}
	if SecretHash("abc").String() != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Error("SecretHash is not SHA-256")
	}
}

func FuzzCheckPassword(f *testing.F) {
	f.Add(testHash)
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, phc string) {
		if h, err := parseHash(phc); err == nil && !h.bearable() {
			t.Errorf("%q would cost too much", phc)
		}
	})
}
