package s3store

import (
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	for raw, want := range map[string]Location{
		"s3://mail":                               {Bucket: "mail", Host: "s3.amazonaws.com", TLS: true},
		"s3://mail?region=eu-central-1":           {Bucket: "mail", Host: "s3.amazonaws.com", TLS: true, Region: "eu-central-1"},
		"s3://mail/a/b/?endpoint=https://s3.test": {Bucket: "mail", Prefix: "a/b/", Host: "s3.test", TLS: true},
		"s3://mail/?endpoint=http://[::1]:9000":   {Bucket: "mail", Host: "[::1]:9000"},
	} {
		got, err := ParseURL(raw)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", raw, got, err, want)
		}
		again, err := ParseURL(got.String())
		if err != nil || again != got {
			t.Errorf("%s: written as %s, which reads as %+v, %v", raw, got, again, err)
		}
	}
}

func TestParseURLSaysWhatIsWrong(t *testing.T) {
	for raw, want := range map[string]string{
		"mail":                            "want s3://",
		"https://mail":                    "want s3://",
		"s3:///x":                         "want s3://",
		"s3://key:secret@mail":            "credentials do not belong",
		"s3://mail?endpoint=s3.test":      "want http://HOST",
		"s3://mail?endpoint=http://h/p":   "want http://HOST",
		"s3://mail?regoin=x":              `unknown parameter "regoin"`,
		"s3://mail?endpoint=http://h:%zz": "invalid URL escape",
		"s3://key:secret@mail:x":          "bucket URL",
	} {
		_, err := ParseURL(raw)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want it to say %q", raw, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: the error repeats the secret: %v", raw, err)
		}
	}
}
