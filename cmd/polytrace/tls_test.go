package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polytrace/webui"
)

// A certificate that ends within two weeks is a problem that status names.
func TestCertificateThatEndsIsAProblem(t *testing.T) {
	dir := t.TempDir()
	c := &certificate{certFile: filepath.Join(dir, "cert.pem"), keyFile: filepath.Join(dir, "key.pem")}
	if err := makeCertificate(c.certFile, c.keyFile, "mail.example"); err != nil {
		t.Fatal(err)
	}
	if err := c.reload(); err != nil {
		t.Fatal(err)
	}
	if _, ends := c.life(); time.Until(ends) < 9*365*24*time.Hour {
		t.Errorf("a new one ends at %s", ends)
	}
	for left, told := range map[time.Duration]bool{webui.CertificateNotice + time.Hour: false, webui.CertificateNotice - time.Hour: true} {
		s := statusAnswer{Intake: &webui.Intake{Certificate: time.Now().Add(left)}}
		if got := strings.Contains(strings.Join(s.problems(), "\n"), "certificate for STARTTLS ends"); got != told {
			t.Errorf("%s before its end: %q", left, s.problems())
		}
	}
}
