package webui

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// conversationView is a conversation of a case.
type conversationView struct {
	Thread, Subject string
	Messages        int
	First, Last     time.Time
	Record          archive.Address // Of its last message: whoever puts it aside names that.
	Cited           int             // Messages of it that are evidence.
}

// asideView is a conversation that was put aside.
type asideView struct {
	casework.Link
	Subject string
}

type mailView struct {
	window
	Case          casework.Case
	Names         names
	Conversations []conversationView // The one with the newest message first.
	Aside         []asideView
	Mail          []casework.Mail // Newest first, of one page.
	Total         int
	Missing       []string
	Others        []casework.Case // That it can be merged with.
	Held          *heldForm
}

// showMail lists the mail of a case: its conversations, and all messages.
func (s *Server) showMail(w http.ResponseWriter, r *http.Request) error {
	return s.mailHeld(w, r, http.StatusOK, nil)
}

func (s *Server) mailHeld(w http.ResponseWriter, r *http.Request, code int, held *heldForm) error {
	snap, err := s.shownSnapshot(r)
	if err != nil {
		return err
	}
	d, err := s.dossier(r.Context(), snap, true)
	if err != nil {
		return err
	}
	v := mailView{Case: snap.c, Names: snap.names, Total: len(d.Mail), Held: held, window: windowOf(r, len(d.Mail)), Conversations: conversationsOf(d)}
	for _, l := range d.Missing {
		v.Missing = append(v.Missing, l.MessageID)
	}
	slices.Reverse(d.Mail)
	v.Mail = d.Mail[v.From:v.End]
	if v.Aside, err = s.asideOf(r.Context(), &snap.c); err != nil {
		return err
	}
	who, _ := callerFrom(r.Context())
	if who.works() {
		v.Others = s.mergeable(snap.c.Number)
	}
	return s.render(w, r, code, "mail", view{Title: "Mail of C-" + strconv.Itoa(snap.c.Number), Nav: "cases", Page: v})
}

func conversationsOf(d *dossier) (list []conversationView) {
	at, cited := map[string]int{}, map[archive.Digest]bool{}
	for _, c := range d.Cases {
		for _, x := range c.Citations {
			cited[x.SHA256] = true
		}
	}
	for _, m := range d.Mail {
		i, known := at[m.Thread]
		if !known {
			i = len(list)
			at[m.Thread] = i
			list = append(list, conversationView{Thread: m.Thread, Subject: m.Subject, First: m.When()})
		}
		c := &list[i]
		c.Messages, c.Last, c.Record = c.Messages+1, m.When(), m.Record
		if cited[m.SHA256] {
			c.Cited++
		}
	}
	slices.SortStableFunc(list, func(a, b conversationView) int { return b.Last.Compare(a.Last) })
	return list
}

// asideOf lists the conversations that were put aside, as far as the caller may read them.
func (s *Server) asideOf(ctx context.Context, c *casework.Case) (list []asideView, err error) {
	for _, l := range c.Links {
		if !l.Aside {
			continue
		}
		doc, err := s.within(ctx).Document(ctx, l.Record)
		if unreadable(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, asideView{l, doc.Subject})
	}
	return list, nil
}

// mergeable lists the cases that one can be made part of.
func (s *Server) mergeable(number int) (list []casework.Case) {
	s.config.Desk.Read(func(state *casework.State) { list = state.Overview() })
	list = slices.DeleteFunc(list, func(c casework.Case) bool { return c.Number == number || c.Into != 0 || c.Status == casework.Closed })
	return list[:min(len(list), 200)]
}

// onMail carries out what a form on the page of the mail of a case asks for.
func (s *Server) onMail(w http.ResponseWriter, r *http.Request, form, done string, command func(snapshot) (casework.Command, error)) error {
	return s.onForm(w, r, form, "/mail", done, command, s.mailHeld)
}

// linkMail brings the conversation of a message into the case, or puts it aside.
func (s *Server) linkMail(w http.ResponseWriter, r *http.Request) error {
	done := "The conversation belongs to the case now."
	if r.FormValue("aside") != "" {
		done = "The conversation is put aside. What the case cites of it stays evidence."
	}
	return s.onMail(w, r, "link", done, func(snap snapshot) (casework.Command, error) {
		at, err := s.typedRecord(r.Context(), r.PostForm.Get("record"))
		if err != nil {
			return nil, err
		}
		link := casework.LinkConversation{Case: snap.c.Number, Message: at, Reason: r.PostForm.Get("reason"), Revision: revision(r)}
		if r.PostForm.Get("aside") != "" {
			return casework.UnlinkConversation(link), nil
		}
		return link, nil
	})
}

// typedRecord is the message that somebody named by its address, or by a link to it or to its conversation.
func (s *Server) typedRecord(ctx context.Context, text string) (casework.Named, error) {
	text = strings.TrimSpace(text)
	if _, behind, found := strings.Cut(text, "/record/"); found {
		text = behind
	}
	if _, behind, found := strings.Cut(text, "/thread/"); found {
		if i := strings.LastIndexByte(behind, '-'); i >= 0 {
			behind = behind[:i] + "/" + behind[i+1:]
		}
		text = behind
	}
	at, err := archive.ParseAddress(text)
	if err != nil {
		return casework.Named{}, &casework.Refusal{Code: casework.Invalid, Field: "Record", Text: "Name a message by its address, for example mail/17, or paste the link to it."}
	}
	return s.namedRecord(ctx, at)
}

// namedRecord names a message that the caller may read.
func (s *Server) namedRecord(ctx context.Context, at archive.Address) (casework.Named, error) {
	doc, err := s.within(ctx).Document(ctx, at)
	if unreadable(err) {
		return casework.Named{}, &casework.Refusal{Code: casework.NotFound, Field: "Record", Text: "There is no message " + at.String() + ", or you may not read it."}
	}
	if err != nil {
		return casework.Named{}, err
	}
	return casework.Named{Record: doc.Address, SHA256: doc.SHA256}, nil
}

// linkRecord brings the conversation that is read into a case.
func (s *Server) linkRecord(w http.ResponseWriter, r *http.Request) error {
	at, err := addressOf(r)
	if err != nil {
		return err
	}
	named, err := s.namedRecord(r.Context(), at)
	if err != nil {
		return err
	}
	number := number0(r.FormValue("case"))
	if r.FormValue("case") == "new" {
		who, _ := callerFrom(r.Context())
		err = s.do(r, casework.OpenCase{Title: r.FormValue("title"), Owner: s.ownerFor(who), Messages: []casework.Named{named}, Number: &number})
	} else {
		err = s.do(r, casework.LinkConversation{Case: number, Message: named})
	}
	if err != nil {
		return err
	}
	return s.done(w, r, casePath(number)+"/mail", "The conversation belongs to C-"+strconv.Itoa(number)+" now.")
}

// mergeCase makes the case part of another one.
func (s *Server) mergeCase(w http.ResponseWriter, r *http.Request) error {
	return s.onMail(w, r, "merge", "The case is merged. It can be taken out again here.", func(snap snapshot) (casework.Command, error) {
		into := number0(strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(r.PostForm.Get("into"))), "C-"))
		return casework.MergeCase{Case: snap.c.Number, Into: into, Reason: r.PostForm.Get("reason"), Revision: revision(r)}, nil
	})
}

// unmergeCase takes the merge back.
func (s *Server) unmergeCase(w http.ResponseWriter, r *http.Request) error {
	return s.onMail(w, r, "unmerge", "The case stands alone again.", func(snap snapshot) (casework.Command, error) {
		return casework.UnmergeCase{Case: snap.c.Number, Reason: r.PostForm.Get("reason"), Revision: revision(r)}, nil
	})
}

// splitCase makes conversations a case of their own.
func (s *Server) splitCase(w http.ResponseWriter, r *http.Request) error {
	number := 0
	return s.onMail(w, r, "split", "The conversations are a case of their own now.", func(snap snapshot) (casework.Command, error) {
		c := casework.SplitCase{Case: snap.c.Number, Title: r.PostForm.Get("title"), Reason: r.PostForm.Get("reason"), Number: &number, Revision: revision(r)}
		for _, text := range r.PostForm["record"] {
			named, err := s.typedRecord(r.Context(), text)
			if err != nil {
				return nil, err
			}
			c.Messages = append(c.Messages, named)
		}
		return c, nil
	})
}
