package child

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"polytrace/document"
)

// OCR is a program that reads pictures: Tesseract, or one that is called as it is. It is started
// by a child, within the limits of that, for one picture at a time, which it gets on its standard
// input as a plain map of gray: what a stranger made was taken apart by Go.
type OCR struct {
	Program   string `json:"program"`        // Its path.
	Version   string `json:"version"`        // As it tells: "tesseract 5.3.0".
	Languages string `json:"languages"`      // "eng+deu".
	Turns     bool   `json:"turns"`          // It can tell which way is up.
	Data      string `json:"data,omitempty"` // Directory of its languages; "" is its own.
}

// usualLanguages are read unless told otherwise, the first that are installed: each takes time.
var usualLanguages = []string{"eng", "deu", "fra", "spa", "ita", "por", "nld", "pol"}

const mostUsual = 4

// FindOCR asks a program what it can. Languages are those it should read; none: the usual ones.
func FindOCR(ctx context.Context, program string, languages []string) (*OCR, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, err
	}
	o := &OCR{Program: path, Data: os.Getenv("TESSDATA_PREFIX")}
	version, err := o.ask(ctx, "--version")
	if err != nil {
		return nil, err
	}
	listed, err := o.ask(ctx, "--list-langs")
	if err != nil {
		return nil, err
	}
	_, names, _ := strings.Cut(listed, "\n") // Behind a line of words.
	installed := strings.Fields(names)
	if len(languages) == 0 {
		languages = slices.DeleteFunc(slices.Clone(usualLanguages), func(l string) bool { return !slices.Contains(installed, l) })
		languages = languages[:min(len(languages), mostUsual)]
	}
	for _, l := range languages {
		if !slices.Contains(installed, l) {
			return nil, fmt.Errorf("%s has no language %q, but %s", path, l, strings.Join(installed, ", "))
		}
	}
	if len(languages) == 0 {
		return nil, fmt.Errorf("%s has none of the usual languages, but %s: name those to read", path, strings.Join(installed, ", "))
	}
	o.Version, _, _ = strings.Cut(version, "\n")
	o.Languages, o.Turns = strings.Join(languages, "+"), slices.Contains(installed, "osd")
	return o, nil
}

// ask has the program tell something.
func (o *OCR) ask(ctx context.Context, what string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, o.Program, what)
	cmd.Env = o.environment()
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", o.Program, what, err)
	}
	return string(out), nil
}

// environment keeps the program to one processor.
func (o *OCR) environment() []string {
	env := []string{"OMP_THREAD_LIMIT=1", "LC_ALL=C.UTF-8"}
	if o.Data != "" {
		env = append(env, "TESSDATA_PREFIX="+o.Data)
	}
	return env
}

// read gives the text of a picture.
func (o *OCR) read(ctx context.Context, g *image.Gray) (string, error) {
	args := []string{"stdin", "stdout", "-l", o.Languages}
	if o.Turns {
		args = append(args, "--psm", "1")
	}
	cmd := exec.CommandContext(ctx, o.Program, args...)
	cmd.Env = o.environment()
	cmd.Stdin = bytes.NewReader(grayMap(g))
	out := &head{most: 1 << 20}
	cmd.Stdout = out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // Which is sent when its thread ends.
	cmd.WaitDelay = time.Second
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return "", err
	}
	const gentle = 10
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, cmd.Process.Pid, gentle); err != nil && !errors.Is(err, syscall.ESRCH) {
		return "", errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	if err := cmd.Wait(); err != nil {
		return "", err
	}
	return tidied(string(out.b)), nil
}

// grayMap is a picture as a PGM file (netpbm).
func grayMap(g *image.Gray) []byte {
	width := g.Rect.Dx()
	out := fmt.Appendf(nil, "P5 %d %d 255\n", width, g.Rect.Dy())
	for y := range g.Rect.Dy() {
		out = append(out, g.Pix[y*g.Stride:][:width]...)
	}
	return out
}

var (
	divided = regexp.MustCompile(`(\p{L})-\n+(\p{Ll})`)
	aWord   = regexp.MustCompile(`[\p{L}\p{N}]{2}`)
)

// tidied is what the program said without lines that have no word, which it sees in photographs,
// and with words that end on the next line made whole.
func tidied(text string) string {
	var lines []string
	for line := range strings.Lines(strings.ReplaceAll(text, "\f", "\n")) {
		if aWord.MatchString(line) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return divided.ReplaceAllString(strings.Join(lines, "\n"), "$1$2")
}

// looking reads the pictures of one document after another.
type looking struct {
	ocr   *OCR
	until time.Time           // For the present document.
	known map[[32]byte]string // The same mark stands under every mail of a firm.
}

// of is how the pictures of a document are read.
func (l *looking) of(q request) document.Look {
	switch {
	case q.OCR == nil:
		return nil
	case q.Later:
		return document.LookLater
	}
	l.ocr, l.until = q.OCR, time.Now().Add(q.Time)
	return l.look
}

const (
	maxPage  = 30 * time.Second // For one picture.
	maxKnown = 1000
)

// look is a document.Look.
func (l *looking) look(draw document.Draw) (text, reason string) {
	most := min(time.Until(l.until), maxPage)
	if most <= 0 {
		return "", document.Limit
	}
	g, reason := draw()
	if reason != "" || isBlank(g) {
		return "", reason
	}
	sum := sha256.Sum256(grayMap(g))
	if text, ok := l.known[sum]; ok {
		return text, ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	text, err := l.ocr.read(ctx, g)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return "", document.Limit
	case errors.Is(err, fs.ErrNotExist): // It is installed no more.
		return "", document.Image
	default:
		fmt.Fprintln(os.Stderr, "read a picture:", err)
		return "", document.Crash
	}
	if l.known == nil || len(l.known) >= maxKnown {
		l.known = map[[32]byte]string{}
	}
	l.known[sum] = text
	return text, ""
}

// isBlank reports whether a picture has hardly anything on it.
func isBlank(g *image.Gray) bool {
	darkest, lightest := byte(255), byte(0)
	for y := range g.Rect.Dy() {
		for _, c := range g.Pix[y*g.Stride:][:g.Rect.Dx()] {
			darkest, lightest = min(darkest, c), max(lightest, c)
		}
	}
	const contrast = 32
	return int(lightest)-int(darkest) < contrast
}
