package casework

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"

	"polytrace/archive"
	"polytrace/message"
)

// FileSent is a file that came with a message, or was uploaded.
type FileSent struct {
	Record  archive.Address `json:"record"`
	Part    int             `json:"part"` // As Pin.Part.
	Name    string          `json:"filename"`
	SHA256  archive.Digest  `json:"sha256"`
	Size    int64           `json:"size"`
	Date    time.Time       `json:"date"`
	From    message.Mailbox `json:"from"`
	Subject string          `json:"subject"`
	Text    Sketch          `json:"-"` // Of what is written in it; nil when that is not known.
}

// FileVersion is a version of a file: the same bytes, as often as they were sent.
type FileVersion struct {
	N      int            `json:"version"` // From 1, by when it was sent first.
	Name   string         `json:"filename"`
	SHA256 archive.Digest `json:"sha256"`
	Size   int64          `json:"size"`
	Sent   []FileSent     `json:"sent"` // The first one first.
}

// versionLike is how much of two texts is the same where they are versions of one, whatever their names are.
const versionLike = 0.5

// FileFamily lists the versions of a file among what was sent, the first one first: those whose name is the same but for
// what tells versions apart, and those that say nearly the same.
func FileFamily(of FileSent, sent []FileSent) (list []FileVersion) {
	at, name := map[archive.Digest]int{}, FamilyName(of.Name)
	sent = slices.Clone(sent)
	slices.SortStableFunc(sent, func(a, b FileSent) int {
		return cmp.Or(a.Date.Compare(b.Date), strings.Compare(string(a.Record.Stream), string(b.Record.Stream)), cmp.Compare(a.Record.Position, b.Record.Position), cmp.Compare(a.Part, b.Part))
	})
	for _, f := range sent {
		named := name != "" && FamilyName(f.Name) == name
		if f.SHA256 != of.SHA256 && !named && of.Text.Like(f.Text) < versionLike {
			continue
		}
		i, had := at[f.SHA256]
		if !had {
			i = len(list)
			at[f.SHA256] = i
			list = append(list, FileVersion{N: i + 1, Name: f.Name, SHA256: f.SHA256, Size: f.Size})
		}
		list[i].Sent = append(list[i].Sent, f)
	}
	return list
}

// versionWords tell versions of a file apart.
var versionWords = []string{"v", "version", "ver", "rev", "revision", "final", "draft", "copy", "kopie", "entwurf", "neu", "new", "old", "alt", "latest", "signed", "unterschrieben", "endfassung", "fassung", "of", "von"}

// FamilyName is the name of a file without what tells its versions apart, and with its ending: "contract.docx" of
// "Contract_v2 (1) final 2026-11-03.DOCX". It is "" when nothing else is left.
func FamilyName(name string) string {
	ending := strings.ToLower(path.Ext(name))
	words := strings.FieldsFunc(strings.ToLower(strings.TrimSuffix(name, path.Ext(name))), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	words = slices.DeleteFunc(words, func(w string) bool {
		bare := strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(w, "rev"), "v"), "0123456789")
		return bare == "" || slices.Contains(versionWords, w)
	})
	if len(words) == 0 {
		return ""
	}
	return strings.Join(words, " ") + ending
}

// NameWords are the words that all names of a family have.
func NameWords(name string) []string {
	family := FamilyName(name)
	return strings.Fields(strings.TrimSuffix(family, path.Ext(family)))
}
