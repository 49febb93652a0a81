package index

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/document"
)

// gallery is an archive whose pictures are read when they are let.
type gallery struct {
	*memArchive
	gate chan struct{} // Lets one be read.
	by   func(name string, content []byte) (document.Text, error)
	runs *atomic.Int64
}

func newGallery() gallery {
	return gallery{newMemArchive(), make(chan struct{}, 100), func(_ string, content []byte) (document.Text, error) { return paints(false)("", "", content) }, new(atomic.Int64)}
}

func (g gallery) let(n int) {
	for range n {
		g.gate <- struct{}{}
	}
}

func (g gallery) reads() (by Documents, pictures Pictures) {
	return paints(true), func(ctx context.Context, name, _ string, content []byte) (document.Text, error) {
		select {
		case <-g.gate:
			g.runs.Add(1)
			return g.by(name, content)
		case <-ctx.Done():
			return document.Text{}, ctx.Err()
		}
	}
}

func (g gallery) picture(name, words string) archive.Address {
	return g.append(archive.Meta{}, withFile(name, "image/png", words))
}

// A message is found at once by what it says, while it is on the list because its pictures wait; once
// they are read it is found by them too, with the place, and is on the list no more.
func TestPicturesAreReadAfterTheMessage(t *testing.T) {
	g := newGallery()
	x, stop := followOn(t, vfs.NewMem(), g)
	defer stop()
	at := g.picture("scan.png", "flux capacitor")
	caughtUp(t, x, g)
	if got := search(t, x, Request{Query: "see the file"}); got.Total != 1 || got.Items[0].Unsearchable != reasonWaits {
		t.Errorf("before: %+v", got.Items)
	}
	if got := search(t, x, Request{Query: "capacitor"}); got.Total != 0 || got.Unsearchable != 1 || x.Status().Pictures != 1 {
		t.Errorf("before: %+v, %+v", got, x.Status())
	}
	g.let(1)
	settled(t, x, g)
	for _, query := range []string{"capacitor", "attachment:\"flux capacitor\"", "attachment:capac*"} {
		got := search(t, x, Request{Query: query})
		if got.Total != 1 || got.Items[0].Address != at || got.Items[0].Unsearchable != "" || got.Items[0].In != "scan.png: corner" || len(got.Items[0].Marks) == 0 {
			t.Errorf("%s: %+v", query, got.Items)
		}
	}
	if st := x.Status(); st.Unsearchable != 0 || len(st.Reasons) != 0 || st.Pictures != 0 {
		t.Errorf("%+v", st)
	}
}

// What is written in a picture continues neither the text beside it nor another picture.
func TestPicturesContinueNothing(t *testing.T) {
	g := newGallery()
	g.by = func(_ string, content []byte) (document.Text, error) {
		return document.Text{Parts: []document.Part{{Text: string(content)}}, Pictures: []document.Part{{Text: "four five"}, {Text: "six seven"}}}, nil
	}
	x, stop := followOn(t, vfs.NewMem(), g)
	defer stop()
	g.let(1)
	g.picture("both.png", "one two three")
	settled(t, x, g)
	for query, want := range map[string]int{"\"one two\"": 1, "\"four five\"": 1, "\"one five\"": 0, "\"five six\"": 0, "three NEAR/5 four": 0} {
		if got := search(t, x, Request{Query: query}); got.Total != want {
			t.Errorf("%s finds %d", query, got.Total)
		}
	}
}

// An index that was stopped while pictures wait goes on with them.
func TestPicturesWaitForARestart(t *testing.T) {
	g, fs := newGallery(), vfs.NewMem()
	x, stop := followOn(t, fs, g)
	g.picture("a.png", "flux")
	g.picture("b.png", "capacitor")
	caughtUp(t, x, g)
	g.let(1)
	stop() // Which waits for the one that is being read.
	x, stop = followOn(t, fs, g)
	defer stop()
	g.let(9)
	settled(t, x, g)
	for _, word := range []string{"flux", "capacitor"} {
		if got := search(t, x, Request{Query: word}); got.Total != 1 {
			t.Errorf("%s: %d", word, got.Total)
		}
	}
	if n := g.runs.Load(); n > 3 {
		t.Errorf("two pictures were read %d times", n)
	}
}

// A message that is removed while its pictures are read stays removed, words and all.
func TestRemovedWhilePicturesAreRead(t *testing.T) {
	g := newGallery()
	begun := make(chan struct{})
	g.by = func(_ string, content []byte) (document.Text, error) {
		close(begun)
		<-g.gate
		return document.Text{Pictures: []document.Part{{Text: string(content)}}}, nil
	}
	x, stop := followOn(t, vfs.NewMem(), g)
	defer stop()
	at := g.picture("a.png", "flux")
	caughtUp(t, x, g)
	g.let(1)
	<-begun
	g.removes(t, casework.ErasureOrdered, "", archive.Removal{Stream: archive.Mail, First: at.Position, Records: 1})
	caughtUp(t, x, g)
	g.let(1)
	settled(t, x, g)
	noTraces(t, x)
	if got := search(t, x, Request{Query: "flux"}); got.Total != 0 || x.Status().Unsearchable != 0 {
		t.Errorf("%+v", got)
	}
}

// A message that is nothing but a picture is on the list where nobody reads it, with what to do, and is
// not where somebody did, whether there were words on it or not; what could not be read is.
func TestWhyPicturesAreNotSearched(t *testing.T) {
	alone := func(name string) string {
		return strings.Replace(withFile(name, "image/png", "flux"), "See the file.", "", 1)
	}
	blind, g := newMemArchive(), newGallery()
	g.by = func(name string, _ []byte) (document.Text, error) {
		reason, _, _ := strings.Cut(name, ".")
		return document.Text{Reason: strings.TrimPrefix(reason, "fine")}, nil
	}
	names := []string{"fine.png", "picture.png", "limit.png", "damaged.png", "crash.png", "image.png"}
	for _, name := range names {
		blind.append(archive.Meta{}, alone(name))
		g.append(archive.Meta{}, alone(name))
	}
	g.let(len(names))
	x, stop := followOn(t, vfs.NewMem(), blind)
	defer stop()
	y, stopToo := followOn(t, vfs.NewMem(), g)
	defer stopToo()
	settled(t, x, blind)
	settled(t, y, g)
	for i, want := range []string{"", reasonPicture, reasonFileLimit, reasonFileDamaged, reasonFileFault, reasonFileImage} {
		at := archive.Address{Stream: archive.Mail, Position: archive.Position(i)}
		if got := documentAt(t, x, at).Unsearchable; got != reasonImage || !strings.Contains(got, "Tesseract is installed") {
			t.Errorf("when nobody reads, %s: %q", names[i], got)
		}
		if got := documentAt(t, y, at).Unsearchable; got != want {
			t.Errorf("%s: %q, want %q", names[i], got, want)
		}
	}
}

// Pictures that nobody could look at for now wait, and hold up neither others nor the end.
func TestPicturesThatNobodyCouldLookAtWait(t *testing.T) {
	g := newGallery()
	g.by = func(name string, content []byte) (document.Text, error) {
		if name == "lost.png" {
			return document.Text{}, errors.New("no child")
		}
		return paints(false)(name, "", content)
	}
	x, stop := followOn(t, vfs.NewMem(), g)
	defer stop()
	g.let(2)
	g.picture("a.png", "flux")
	g.picture("lost.png", "capacitor")
	caughtUp(t, x, g)
	until(x, func() bool { return x.now().counts.Waiting == 1 })
	if got := search(t, x, Request{Query: "is:unsearchable"}); got.Total != 1 || got.Items[0].Files[0] != "lost.png" || got.Items[0].Unsearchable != reasonWaits {
		t.Errorf("%+v", got.Items)
	}
}

// While pictures are read, which takes long, mail is indexed.
func TestPicturesHoldUpNothing(t *testing.T) {
	g := newGallery()
	x, stop := followOn(t, vfs.NewMem(), g)
	defer stop()
	g.picture("a.png", "flux")
	caughtUp(t, x, g)
	for i := range 5 {
		g.append(archive.Meta{}, mail(fmt.Sprintf("pump%d", i), "From: jane@contoso.example"))
		caughtUp(t, x, g)
		if got := search(t, x, Request{Query: fmt.Sprintf("pump%d", i)}); got.Total != 1 {
			t.Errorf("pump%d: %d", i, got.Total)
		}
	}
}

// The pictures of one message take only so much time; what was not read then is on the list.
func TestTimeForThePicturesOfAMessage(t *testing.T) {
	h := &hurry{Documents: paints(false), until: time.Now().Add(time.Hour)}
	if text, err := h.Read("a.png", "", []byte("flux")); err != nil || len(text.Pictures) != 1 {
		t.Errorf("%+v, %v", text, err)
	}
	h.until = time.Now()
	if text, err := h.Read("a.png", "", []byte("flux")); err != nil || len(text.Pictures) != 0 || text.Reason != document.Limit {
		t.Errorf("%+v, %v", text, err)
	}
}

// What is found in pictures is found all the while that the index is built anew.
func TestPicturesAreFoundWhileTheIndexIsBuiltAnew(t *testing.T) {
	g := newGallery()
	x, stop := followOn(t, vfs.NewMem(), g)
	defer stop()
	g.let(1)
	g.picture("scan.png", "capacitor")
	settled(t, x, g)
	built := make(chan error, 1)
	go func() { built <- x.Rebuild(t.Context(), silently) }()
	var next *Index
	until(x, func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		next = x.renewal.next
		return next != nil
	})
	until(next, func() bool { return next.now().counts.Waiting == 1 })
	g.append(archive.Meta{}, mail("pump", "From: jane@contoso.example")) // It looks again whether the next one can take over.
	until(next, func() bool { return next.now().counts.Documents == 2 })
	if got := search(t, x, Request{Query: "capacitor"}); got.Total != 1 || len(built) != 0 {
		t.Errorf("before its pictures are read: %d, %d", got.Total, len(built))
	}
	x.mu.Lock()
	if x.renewal.next != next {
		t.Error("the next one answers before its pictures are read")
	}
	x.mu.Unlock()
	g.let(1)
	if err := <-built; err != nil {
		t.Fatal(err)
	}
	if got := search(t, x, Request{Query: "capacitor"}); got.Total != 1 || x.Status().Unsearchable != 0 {
		t.Errorf("after: %+v", got)
	}
}
