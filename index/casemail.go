package index

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"polytrace/archive"
	"polytrace/casework"
)

// CaseMail says which mail is of a case: what it cites, and the conversations of that and of what is linked. What was
// said last about a conversation holds. Messages that are not here, or that may not be told of, are passed over.
type CaseMail struct {
	Cited []archive.Address
	Links []CaseLink // In the order in which they were said.
}

// CaseLink says whether the conversation of a message is of a case.
type CaseLink struct {
	At    archive.Address
	Aside bool // It is not, though the case cites some of it, or that was said before.
}

// Letter is a message of a case.
type Letter struct {
	Summary
	Automatic bool // Nobody wrote it, see is:automatic.
	Forged    bool // It was not sent when it says, see is:forged-date.
}

// mailOf finds the mail of cases that are one: a case and those that were merged with it.
func (f *finder) mailOf(all []CaseMail) (docSet, error) {
	s := f.none()
	for _, m := range all {
		own := f.none()
		for _, at := range m.Cited {
			if err := f.setConversation(own, CaseLink{At: at}); err != nil {
				return nil, err
			}
		}
		for _, l := range m.Links {
			if err := f.setConversation(own, l); err != nil {
				return nil, err
			}
		}
		s.or(own)
		f.drop(own)
		for _, at := range m.Cited {
			doc, known, err := f.known(at)
			if err != nil {
				return nil, err
			}
			if known {
				s.add(doc)
			}
		}
	}
	return s, nil
}

// setConversation adds the documents of a conversation, or takes them out. Where that of its message is as it should be
// all are.
func (f *finder) setConversation(s docSet, l CaseLink) error {
	doc, known, err := f.known(l.At)
	if err != nil || !known || s.has(doc) != l.Aside {
		return err
	}
	c, err := f.conversation(l.At)
	for _, doc := range c.docs {
		if l.Aside {
			s.remove(doc)
		} else {
			f.addDoc(s, doc)
		}
	}
	return err
}

// known finds the document of a record; false when there is none.
func (f *finder) known(at archive.Address) (docID, bool, error) {
	value, err := f.get(addressKey(at))
	if err != nil || len(value) < 4 {
		return 0, false, err
	}
	doc := binary.BigEndian.Uint32(value)
	return doc, doc < f.v.n && !f.v.hidden.Contains(doc), nil
}

// CaseMail lists the mail of cases that are one, oldest first, and the messages that it answers and that are not
// here, or may not be told of. Without snippets it is cheaper by half.
func (r Reader) CaseMail(ctx context.Context, all []CaseMail, snippets bool) (mail []Letter, missing []casework.Lost, err error) {
	err = r.look(ctx, func(f *finder, _ *state) error {
		found, err := f.mailOf(all)
		if err != nil {
			return err
		}
		var docs []docID
		found.each(func(doc docID) {
			if f.sees(doc) {
				docs = append(docs, doc)
			}
		})
		slices.SortFunc(docs, f.v.compare)
		if mail, err = f.letters(docs, snippets); err != nil {
			return err
		}
		missing, err = f.missingOf(docs)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("look up the mail of a case: %w", err)
	}
	return mail, missing, nil
}

// CaseMailMark is a number that changes when other mail is of cases that are one, for a fraction of what it
// takes to list it.
func (r Reader) CaseMailMark(ctx context.Context, all []CaseMail) (mark uint64, err error) {
	err = r.look(ctx, func(f *finder, _ *state) error {
		mark, err = f.markOf(all)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("look whether the mail of a case has changed: %w", err)
	}
	return mark, nil
}

func (f *finder) markOf(all []CaseMail) (uint64, error) {
	found, err := f.mailOf(all)
	if err != nil {
		return 0, err
	}
	h := fnv.New64a()
	found.each(func(doc docID) {
		if f.sees(doc) {
			h.Write(binary.BigEndian.AppendUint32(nil, doc))
		}
	})
	f.drop(found)
	return h.Sum64(), nil
}

// maxOpening is how many bytes of a message count as how it begins.
const maxOpening = 4 << 10

// EachCaseMail calls do with the mail of each of several cases, in turn, oldest first and without snippets. opening gives
// how a message of it begins, from where its author writes. It reads less than CaseMail for each of them does.
func (r Reader) EachCaseMail(ctx context.Context, cases [][]CaseMail, do func(i int, mail []Letter, opening func(Letter) (string, error)) error) error {
	err := r.look(ctx, func(f *finder, _ *state) error {
		automatic, err := f.eval(&Term{fieldIs, Slot{isAutomatic, false}}, f.all())
		if err != nil {
			return err
		}
		for i, all := range cases {
			found, err := f.mailOf(all)
			if err != nil {
				return err
			}
			var docs []docID
			found.each(func(doc docID) {
				if f.sees(doc) {
					docs = append(docs, doc)
				}
			})
			f.drop(found)
			slices.SortFunc(docs, f.v.compare)
			summaries, err := f.summaries(docs, nil)
			if err != nil {
				return err
			}
			mail := make([]Letter, len(docs))
			for k := range mail {
				mail[k] = Letter{Summary: summaries[k], Automatic: automatic.has(docs[k])}
			}
			err = do(i, mail, func(l Letter) (string, error) { return f.opening(l.Address) })
			if err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look up the mail of cases: %w", err)
	}
	return nil
}

// opening is how the message of a record begins, from where its author writes.
func (f *finder) opening(at archive.Address) (string, error) {
	doc, err := f.docAt(at)
	if err != nil {
		return "", err
	}
	value, err := f.get(docKey(famText, doc))
	if err != nil || value == nil {
		return "", err
	}
	author, n := binary.Uvarint(value)
	if n <= 0 || author > uint64(len(value)-n) {
		return "", errCorrupt
	}
	text := value[n+int(author):]
	return strings.ToValidUTF8(string(text[:min(len(text), maxOpening)]), ""), nil
}

// CaseMailMarks are the marks of several cases, see CaseMailMark.
func (r Reader) CaseMailMarks(ctx context.Context, cases [][]CaseMail) (marks []uint64, err error) {
	err = r.look(ctx, func(f *finder, _ *state) error {
		for _, all := range cases {
			if err := ctx.Err(); err != nil {
				return err
			}
			mark, err := f.markOf(all)
			if err != nil {
				return err
			}
			marks = append(marks, mark)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look whether the mail of cases has changed: %w", err)
	}
	return marks, nil
}

func (f *finder) letters(docs []docID, snippets bool) ([]Letter, error) {
	var h *highlighter
	if snippets {
		h = newHighlighter(newWordCutter(), &All{})
	}
	summaries, err := f.summaries(docs, h)
	if err != nil {
		return nil, err
	}
	list := make([]Letter, len(docs))
	for i := range list {
		list[i].Summary = summaries[i]
	}
	for _, flag := range []struct {
		name string
		set  func(*Letter)
	}{{isAutomatic, func(l *Letter) { l.Automatic = true }}, {isForgedDate, func(l *Letter) { l.Forged = true }}} {
		with, err := f.eval(&Term{fieldIs, Slot{flag.name, false}}, f.all())
		if err != nil {
			return nil, err
		}
		for i, doc := range docs {
			if with.has(doc) {
				flag.set(&list[i])
			}
		}
	}
	return list, nil
}

// missingOf lists what is missing in the conversations of some documents, each once.
func (f *finder) missingOf(docs []docID) (all []casework.Lost, err error) {
	done := f.none()
	for _, doc := range docs {
		if done.has(doc) {
			continue
		}
		c, err := f.conversation(f.v.address(doc))
		if err != nil {
			return nil, err
		}
		for _, other := range c.docs {
			f.addDoc(done, other)
		}
		lost, err := f.missing(c, slices.DeleteFunc(c.docs, func(other docID) bool { return !f.sees(other) }))
		if err != nil {
			return nil, err
		}
		all = append(all, lost...)
	}
	return all, nil
}
