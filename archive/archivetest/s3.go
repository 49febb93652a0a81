package archivetest

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// S3 is a real S3 server with object lock that runs as a child process on a
// directory of its own. It can be stopped and started again on the same port.
type S3 struct {
	Endpoint             string // http://127.0.0.1:PORT
	AccessKey, SecretKey string
	Transport            *http.Transport // Trusts the server's certificate.

	t       testing.TB
	address string
	dir     string
	tls     [2]string // Certificate and key; empty for plain HTTP.
	command func(*S3) *exec.Cmd
	child   *exec.Cmd
	ended   chan struct{} // Closed when the child is gone.
}

// StartS3 starts the server that POLYTRACE_S3SERVER names, by default
// .tools/versitygw at the top of the module, where `make tools` builds it. The
// test fails when there is none.
func StartS3(t testing.TB) *S3 {
	t.Helper()
	return start(t, false)
}

// StartS3TLS is StartS3 with HTTPS.
func StartS3TLS(t testing.TB) *S3 {
	t.Helper()
	return start(t, true)
}

func start(t testing.TB, secure bool) *S3 {
	t.Helper()
	program := os.Getenv("POLYTRACE_S3SERVER")
	if program == "" {
		program = filepath.Join(moduleRoot(t), ".tools", "versitygw")
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("no S3 server to test with: %v; run make tools", err)
	}
	command := versitygw
	if filepath.Base(program) == "minio" {
		command = minioServer
	}
	s := &S3{
		AccessKey: "polytrace-test", SecretKey: "not-a-secret-at-all",
		t: t, dir: t.TempDir(),
		command:   func(s *S3) *exec.Cmd { return command(program, s) },
		Transport: http.DefaultTransport.(*http.Transport).Clone(),
	}
	scheme := "http://"
	if secure {
		scheme = "https://"
		s.tls[0], s.tls[1], s.Transport.TLSClientConfig = s.makeTLS()
	}
	t.Cleanup(s.Stop)
	for range 10 { // Somebody may take the port before the server does.
		s.address = freeAddress(t)
		s.Endpoint = scheme + s.address
		if s.launch() {
			return s
		}
	}
	t.Fatal("the S3 server ends at once, on each of ten ports")
	return nil
}

// versitygw syncs nothing, which is fine for a test that does not cut the power.
// It keeps metadata in extended attributes: in a sidecar directory it forgets to
// remove them, and then refuses to create again what was deleted.
func versitygw(program string, s *S3) *exec.Cmd {
	for _, sub := range []string{"objects", "versions"} {
		if err := os.MkdirAll(filepath.Join(s.dir, sub), 0o700); err != nil {
			s.t.Fatal(err)
		}
	}
	args := []string{"--quiet", "--keep-alive", "--port", s.address, "--access", s.AccessKey, "--secret", s.SecretKey, "--health", "/healthz"}
	if s.tls[0] != "" {
		args = append(args, "--cert", s.tls[0], "--key", s.tls[1])
	}
	return exec.Command(program, append(args,
		"posix", "--versioning-dir", filepath.Join(s.dir, "versions"), filepath.Join(s.dir, "objects"))...)
}

func (s *S3) makeTLS() (cert, key string, c *tls.Config) {
	dir := filepath.Join(s.dir, "certs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	cert, key, pool := certificate(s.t, dir)
	return cert, key, &tls.Config{RootCAs: pool}
}

func minioServer(program string, s *S3) *exec.Cmd {
	cmd := exec.Command(program, "server", "--quiet", "--address", s.address, filepath.Join(s.dir, "data"))
	if s.tls[0] != "" { // It finds public.crt and private.key there.
		cmd.Args = append(cmd.Args, "--certs-dir", filepath.Dir(s.tls[0]))
	}
	cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+s.AccessKey, "MINIO_ROOT_PASSWORD="+s.SecretKey, "MINIO_UPDATE=off", "MINIO_BROWSER=off")
	return cmd
}

// Start starts the server again, where it was, and returns when it answers. A
// connection of another program may have its port for a while.
func (s *S3) Start() {
	s.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for tick := time.Tick(100 * time.Millisecond); !s.launch(); <-tick {
		if time.Now().After(deadline) {
			s.t.Fatalf("the S3 server cannot have %s back", s.address)
		}
	}
}

// launch starts the server and reports whether it answers; false is that it
// ended at once.
func (s *S3) launch() bool {
	s.t.Helper()
	s.child = s.command(s)
	s.child.Stderr = os.Stderr
	s.child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.child.Start(); err != nil {
		s.t.Fatalf("start the S3 server: %v", err)
	}
	child, ended := s.child, make(chan struct{})
	s.ended = ended
	go func() {
		defer close(ended)
		child.Wait()
	}()
	deadline := time.Now().Add(30 * time.Second)
	for tick := time.Tick(20 * time.Millisecond); ; <-tick {
		r, err := (&http.Client{Transport: s.Transport}).Get(s.Endpoint + "/healthz")
		if err == nil {
			r.Body.Close()
		}
		select {
		case <-ended:
			s.child = nil
			return false
		default:
		}
		if err == nil {
			return true
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the S3 server does not answer: %v", err)
		}
	}
}

// Stop ends the server as a power cut would. What it holds stays.
func (s *S3) Stop() {
	if s.child == nil {
		return
	}
	select {
	case <-s.ended:
		s.t.Errorf("the S3 server has ended by itself: %v", s.child.ProcessState)
	default:
		if err := s.child.Process.Kill(); err != nil {
			s.t.Errorf("stop the S3 server: %v", err)
		}
		<-s.ended
	}
	s.child = nil
}

// URL is where a bucket of the server is, in the form of the setting.
func (s *S3) URL(bucket string) string {
	return fmt.Sprintf("s3://%s?endpoint=%s&region=us-east-1", bucket, s.Endpoint)
}

func freeAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func moduleRoot(t testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test's directory")
		}
		dir = filepath.Dir(dir)
	}
}
