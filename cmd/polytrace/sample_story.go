package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The stories are text files of blocks:
//
//	=== acme-06                          its name; Message-IDs are made of it
//	when: -9 Fri 15:20                   week, day and time where the writer is
//	from: kim                            a block of people.txt
//	to: dana
//	cc: rolf, support
//	re: acme-01                          answers, and quotes as the writer's program does
//	attach: delivery-plan.pdf as Plan.pdf    made from sample/files
//
//	The text, a paragraph a line. {-7 Wed} becomes a date in the writer's language.
//
// Week 0 is the last week that is over, week -1 the one before it, so that
// "by Friday" in a text stays true whenever the demo is started. "recent 2
// 09:40" is the second working day before today, and "ago 95" is 95 minutes
// before now. A block named "defaults" says what holds for the messages behind
// it in its file.

// samplePerson is somebody who writes or receives mail.
type samplePerson struct {
	name, address string
	zone          *time.Location
	lang          string // en, de, fr, es or ja
	client        string // the mail program: see sampleClients
	logo          bool   // the signature has a picture
	members       []string
	signature     string
}

// sampleLetter is a message as its writer sees it.
type sampleLetter struct {
	id        string
	fields    map[string][]string
	from      *samplePerson
	to        []*samplePerson
	cc        []*samplePerson
	bcc       []*samplePerson
	date      time.Time
	parent    *sampleLetter // that it answers or forwards
	subject   string
	client    string
	body      string
	forwarded bool
}

// sampleLibrary is everything that the stories tell.
type sampleLibrary struct {
	files   fs.FS
	people  map[string]*samplePerson
	byID    map[string]*sampleLetter
	letters []*sampleLetter
	now     time.Time
	friday  time.Time // of week 0, at 0:00 UTC
}

// loadSample reads the stories and dates them before now.
func loadSample(files fs.FS, now time.Time) (*sampleLibrary, error) {
	s := &sampleLibrary{files: files, people: map[string]*samplePerson{}, byID: map[string]*sampleLetter{}, now: now, friday: sampleFriday(now)}
	if err := s.loadPeople("sample/people.txt"); err != nil {
		return nil, err
	}
	stories, err := fs.Glob(files, "sample/*.txt")
	if err != nil {
		return nil, err
	}
	for _, name := range stories {
		if path.Base(name) == "people.txt" {
			continue
		}
		if err := s.loadStory(name); err != nil {
			return nil, fmt.Errorf("%s: %w", path.Base(name), err)
		}
	}
	return s, nil
}

// sampleFriday is the last Friday that is over everywhere people of the sample live.
func sampleFriday(now time.Time) time.Time {
	day := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -1)
	for day.Weekday() != time.Friday {
		day = day.AddDate(0, 0, -1)
	}
	return day
}

// sampleBlock is a named block of fields and a text.
type sampleBlock struct {
	name   string
	fields map[string][]string
	text   string
}

func readSampleBlocks(files fs.FS, name string) ([]sampleBlock, error) {
	raw, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	var blocks []sampleBlock
	for i, chunk := range strings.Split("\n"+string(raw), "\n=== ") {
		if i == 0 {
			continue // What is before the first block is a remark.
		}
		head, text, _ := strings.Cut(chunk, "\n\n")
		title, rest, _ := strings.Cut(head, "\n")
		b := sampleBlock{name: strings.TrimSpace(title), fields: map[string][]string{}, text: strings.Trim(text, "\n")}
		for line := range strings.Lines(rest) {
			key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
			if !ok {
				return nil, fmt.Errorf("block %s: %q is not a field", b.name, line)
			}
			b.fields[key] = append(b.fields[key], strings.TrimSpace(value))
		}
		blocks = append(blocks, b)
	}
	return blocks, nil
}

// get is the first value of a field, "" when there is none.
func (b sampleBlock) get(key string) string {
	if v := b.fields[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (s *sampleLibrary) loadPeople(name string) error {
	blocks, err := readSampleBlocks(s.files, name)
	if err != nil {
		return err
	}
	for _, b := range blocks {
		zone, err := time.LoadLocation(b.get("zone"))
		if err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
		s.people[b.name] = &samplePerson{
			name: b.get("name"), address: b.get("address"), zone: zone, lang: b.get("lang"), client: b.get("client"),
			logo: b.get("logo") != "", members: sampleList(b.get("members")), signature: b.text,
		}
	}
	return nil
}

// sampleList splits "a, b".
func sampleList(value string) []string {
	if value == "" {
		return nil
	}
	return strings.Split(strings.ReplaceAll(value, ", ", ","), ",")
}

func (s *sampleLibrary) loadStory(name string) error {
	blocks, err := readSampleBlocks(s.files, name)
	if err != nil {
		return err
	}
	defaults := sampleBlock{}
	for _, b := range blocks {
		if b.name == "defaults" {
			defaults = b
			continue
		}
		for key, values := range defaults.fields {
			if b.fields[key] == nil {
				b.fields[key] = values
			}
		}
		l, err := s.letter(b)
		if err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
		if s.byID[l.id] != nil {
			return fmt.Errorf("two blocks are named %s", l.id)
		}
		s.byID[l.id] = l
		s.letters = append(s.letters, l)
	}
	return nil
}

// letter makes a message of its block.
func (s *sampleLibrary) letter(b sampleBlock) (*sampleLetter, error) {
	l := &sampleLetter{id: b.name, fields: b.fields, client: b.get("client"), subject: b.get("subject")}
	var errs [5]error
	l.to, errs[0] = s.persons(b.get("to"))
	l.cc, errs[1] = s.persons(b.get("cc"))
	l.bcc, errs[2] = s.persons(b.get("bcc"))
	from, err := s.persons(b.get("from"))
	if err != nil || len(from) != 1 {
		return nil, errors.Join(err, fmt.Errorf("from %q: one writer is needed", b.get("from")))
	}
	l.from = from[0]
	if l.client == "" {
		l.client = l.from.client
	}
	l.date, errs[3] = s.when(b.get("when"), l.from.zone)
	l.parent, l.forwarded, errs[4] = s.parent(b)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if l.subject == "" && l.parent != nil {
		l.subject = l.prefix() + samplePrefix.ReplaceAllString(l.parent.subject, "")
	}
	l.body = s.dates(b.text, l.from.lang)
	l.subject = s.dates(l.subject, l.from.lang)
	return l, nil
}

var samplePrefix = regexp.MustCompile(`^(Re|RE|AW|WG|TR|RV|Fwd|FW): `)

func (s *sampleLibrary) parent(b sampleBlock) (parent *sampleLetter, forwarded bool, err error) {
	id := b.get("re")
	if id == "" {
		id, forwarded = b.get("fwd"), true
	}
	if id == "" {
		return nil, false, nil
	}
	if parent = s.byID[id]; parent == nil {
		return nil, false, fmt.Errorf("%s is not told before", id)
	}
	return parent, forwarded, nil
}

func (s *sampleLibrary) persons(value string) (all []*samplePerson, err error) {
	for _, alias := range sampleList(value) {
		p := s.people[alias]
		if p == nil {
			return nil, fmt.Errorf("%q is not in people.txt", alias)
		}
		all = append(all, p)
	}
	return all, nil
}

var sampleDays = []string{"Mon", "Tue", "Wed", "Thu", "Fri"}

// day is a day of a week at 0:00 UTC.
func (s *sampleLibrary) day(week, day string) (time.Time, error) {
	n, err := strconv.Atoi(week)
	weekday := slices.Index(sampleDays, day)
	if err != nil || n > 0 || weekday < 0 {
		return time.Time{}, fmt.Errorf("%s %s is not a working day of a past week", week, day)
	}
	return s.friday.AddDate(0, 0, 7*n+weekday-4), nil
}

// when reads "-9 Fri 15:20", "recent 2 15:20" or "ago 95" as a time in a zone.
func (s *sampleLibrary) when(value string, zone *time.Location) (time.Time, error) {
	words := strings.Fields(value)
	if minutes, err := sampleAgo(words); minutes > 0 || err != nil {
		return s.now.Add(-minutes).Truncate(time.Second).In(zone), err
	}
	if len(words) != 3 {
		return time.Time{}, fmt.Errorf("when %q: want week, day and time", value)
	}
	clock, err := time.Parse("15:04", words[2])
	if err != nil {
		return time.Time{}, err
	}
	day, err := s.day(words[0], words[1])
	if words[0] == "recent" {
		day, err = s.recent(words[1])
	}
	if err != nil {
		return time.Time{}, err
	}
	seconds := int(sampleHash(value + zone.String())[0]) % 60
	return time.Date(day.Year(), day.Month(), day.Day(), clock.Hour(), clock.Minute(), seconds, 0, zone), nil
}

// sampleAgo reads "ago 95"; it is 0 when the words say something else.
func sampleAgo(words []string) (time.Duration, error) {
	if len(words) != 2 || words[0] != "ago" {
		return 0, nil
	}
	minutes, err := strconv.Atoi(words[1])
	if err != nil || minutes < 1 {
		return 0, fmt.Errorf("ago %q: want how many minutes ago", words[1])
	}
	return time.Duration(minutes) * time.Minute, nil
}

// recent is the nth working day before today.
func (s *sampleLibrary) recent(n string) (time.Time, error) {
	left, err := strconv.Atoi(n)
	if err != nil || left < 1 {
		return time.Time{}, fmt.Errorf("recent %q: want how many working days ago", n)
	}
	day := s.now.UTC()
	for left > 0 {
		day = day.AddDate(0, 0, -1)
		if day.Weekday() != time.Saturday && day.Weekday() != time.Sunday {
			left--
		}
	}
	return day, nil
}

var sampleDate = regexp.MustCompile(`\{(-?\d+) (Mon|Tue|Wed|Thu|Fri)( iso)?\}`)

// dates writes out the days that a text names as {-7 Wed} or {-7 Wed iso}.
func (s *sampleLibrary) dates(text, lang string) string {
	return sampleDate.ReplaceAllStringFunc(text, func(found string) string {
		m := sampleDate.FindStringSubmatch(found)
		day, err := s.day(m[1], m[2])
		if err != nil {
			return found // A test looks for braces that are left.
		}
		if m[3] != "" {
			return day.Format(time.DateOnly)
		}
		return sampleLanguages[lang].day(day)
	})
}
