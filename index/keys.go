package index

import (
	"bytes"
	"encoding/binary"

	"polytrace/archive"
)

// What is in Pebble. The first byte of a key is its family. Numbers in keys
// are big-endian, so that they sort; a doc is the dense number of a document, given in order of
// application, and never shown outside.
//
//	'P' field term 0x00 doc>>16(2)  -> which of 65,536 documents have the term   (merged; postings.go)
//	'Q' field term 0x00 doc>>16(2)  -> and where in them                         (merged; postings.go)
//	'R' term                        -> nothing        a term of people, for patterns (pattern.go)
//	'a' stream 0x00 position(8)     -> doc(4) day(4)  of a record, also of a sighting or copy; when it was received
//	'b' doc(4)                      -> author(uvarint) text   the text for snippets, and where its author begins
//	'c' case(4) citation(4)         -> sha256(32) stream/position   what a case cites
//	'd' doc(4)                      -> Summary        what one line of results shows (summary.go)
//	'e' doc(4)                      -> JSON           what only the page of a document shows
//	'f' stream 0x00 position(8)     -> JSON           what was found out about a record (authentication.go)
//	'F' message(16) number(4) doc(4) -> total(4)      a fragment of a message (fragments.go)
//	'g' thread(4) doc(4)            -> nothing        members of a thread (threads.go)
//	'h' sha256(32)                  -> doc(4)         identity of bytes
//	'i' message(16)                 -> what of the fragments is joined (fragments.go)
//	'j' position(8)                 -> JSON           a decision of the ledger that removes records (removals.go)
//	'J' sha256(32) position(8)      -> what(1)        how people corrected its conversation, by decision (corrections.go)
//	'k' digest(64)                  -> JSON           an answer of DNS that findings rest on (authentication.go)
//	'K' sha256(32)                  -> doc(4)         identity of what copies say (copies.go)
//	'l' doc(4)                      -> links          what it says about its conversation (threads.go)
//	'm' node(16)                    -> thread(4)      a Message-ID, or another mark of a conversation (threads.go)
//	'n' doc(4)                      -> numbers        date, size, place, author: kept in memory (apply.go)
//	'o' sha256(32) case(4) citation(4) -> nothing     the cases that cite these bytes
//	'p' stream 0x00 first(8)        -> last(8)        removed records whose rows are still to be deleted (remove.go)
//	'q' stream 0x00 position(8)     -> received(8)    a record to be read once more (remove.go)
//	'r' thread(4)                   -> root or parent of a thread (threads.go)
//	's' subject(8) date(8) doc(4)   -> people         for replies that name nothing they answer (threads.go)
//	't' stream 0x00 position(8)     -> doc(4)         of the bytes that sightings say are in that record
//	'u' stream 0x00 first(8)        -> a run of removed records (removals.go)
//	'v' doc(4) stream 0x00 position(8) -> JSON        an arrival: its metadata and recipients (copies.go)
//	'w' stream                      -> position(8)    watermark: every record before it is applied
//	'B' doc(4)                      -> JSON           text of attached files, for snippets
//	'M' watch(4) stream 0x00 position(8) doc(4) -> nothing  a match of a watched search (standing.go)
//	'S' owner 0x00 name             -> JSON           a saved search (standing.go)
//	'W' stream 0x00 position(8)     -> nothing        a record whose pictures are to be read (pictures.go)
//	'x' stream 0x00 position(8)     -> why(1) received(8) a record that is no part of a document (remove.go)
//	'y' day(4)                      -> uvarint        records received, by UTC day since 1970
//	'z' subject(8) date(8) doc(4)   -> people         of 's', the replies that name nothing
//	'!' name                        -> the format version, counts, how far a sweep is (sweep.go)
//
// 'P' and 'Q' are written with Merge, all others with Set.
// Postings and positions are apart so that what asks only "which" does not
// read "where". Pebble compresses the blocks with zstd, texts of neighbours together.
const (
	famPostings   = 'P'
	famPositions  = 'Q'
	famTerm       = 'R'
	famAddress    = 'a'
	famText       = 'b'
	famCited      = 'c'
	famSummary    = 'd'
	famDetails    = 'e'
	famAttached   = 'B'
	famFinding    = 'f'
	famFragment   = 'F'
	famMember     = 'g'
	famDigest     = 'h'
	famJoined     = 'i'
	famDecision   = 'j'
	famCorrection = 'J'
	famAnswer     = 'k'
	famSame       = 'K'
	famLinks      = 'l'
	famNode       = 'm'
	famNumbers    = 'n'
	famCiting     = 'o'
	famPending    = 'p'
	famQueued     = 'q'
	famThread     = 'r'
	famSubject    = 's'
	famTarget     = 't'
	famRemoved    = 'u'
	famSighting   = 'v'
	famWatermark  = 'w'
	famWaiting    = 'W'
	famApart      = 'x'
	famDay        = 'y'
	famOrphan     = 'z'
	famMatch      = 'M'
	famSaved      = 'S'
	famProperties = '!'
)

// formatVersion is raised when a key or value changes its meaning: an index
// of another version is deleted and built again.
const formatVersion = "8"

// readableFormats are earlier ones that can answer, and be followed, while the index is built
// anew: what was added since is missing there and does no harm. Any other is deleted.
var readableFormats = []string{"6", "7"}

// field says which part of a document a term is of. Letters never change meaning.
type field byte

// The fields. Those of people and of names have words with positions and, as
// terms of their own, whole values: "jane@contoso.example", "@contoso.example", "jane@".
const (
	fieldSubject     field = 's'
	fieldBody        field = 'b'
	fieldFilename    field = 'n'
	fieldAttached    field = 'e' // Text inside attached files.
	fieldFrom        field = 'f'
	fieldTo          field = 't' // Every recipient, also of Cc and Bcc.
	fieldCc          field = 'c'
	fieldBcc         field = 'x'
	fieldRcpt        field = 'r' // Proven by the envelope or a journal report.
	fieldParticipant field = 'p' // All of these together.
	fieldKind        field = 'k'
	fieldHas         field = 'h'
	fieldIs          field = 'i'
	fieldType        field = 'y' // Extension and media type of files.
	fieldFile        field = 'F' // SHA-256 of the bytes of files.
	fieldQueue       field = 'q'
	fieldMailbox     field = 'm'
	fieldMessageID   field = 'd'
	fieldDKIM        field = 'a' // What became of the signatures.
	fieldPair        field = 'w' // Two frequent words next to each other in a body (frequent.go).
	fieldHeader      field = 'H' // Names of header fields, and the words in each (header.go).
	fieldList        field = 'l' // The mailing list.
	fieldReferences  field = 'g' // Message-IDs that it answers or names.
	fieldReplyTo     field = 'u'
	fieldPerson      field = 'v' // Addresses of participants, domain first; see domainFirst.
)

// docID numbers documents in order of application.
type docID = uint32

func docKey(family byte, doc docID) []byte {
	return binary.BigEndian.AppendUint32([]byte{family}, doc)
}

func keyDoc(key []byte) docID { return binary.BigEndian.Uint32(key[len(key)-4:]) }

func docValue(doc docID) []byte { return binary.BigEndian.AppendUint32(nil, doc) }

func addressKey(a archive.Address) []byte { return recordKey(famAddress, a) }

// recordKey is a key of the families that have a row for a record.
func recordKey(family byte, a archive.Address) []byte {
	return appendAddress([]byte{family}, a)
}

// keyAddress is the reverse of recordKey.
func keyAddress(key []byte) (archive.Address, error) {
	name, rest, ok := bytes.Cut(key[1:], []byte{0})
	if !ok || len(rest) != 8 {
		return archive.Address{}, errCorrupt
	}
	return archive.Address{Stream: archive.Stream(name), Position: archive.Position(binary.BigEndian.Uint64(rest))}, nil
}

func sightingKey(doc docID, a archive.Address) []byte {
	return appendAddress(docKey(famSighting, doc), a)
}

func appendAddress(key []byte, a archive.Address) []byte {
	key = append(append(key, a.Stream...), 0)
	return binary.BigEndian.AppendUint64(key, uint64(a.Position))
}

func digestKey(family byte, d archive.Digest) []byte {
	return append([]byte{family}, d[:]...)
}

func citedKey(number, citation int) []byte {
	return appendCitation([]byte{famCited}, number, citation)
}

func citingKey(d archive.Digest, number, citation int) []byte {
	return appendCitation(digestKey(famCiting, d), number, citation)
}

func appendCitation(key []byte, number, citation int) []byte {
	key = binary.BigEndian.AppendUint32(key, uint32(number))
	return binary.BigEndian.AppendUint32(key, uint32(citation))
}

// termPrefix begins the chunks of a term.
func termPrefix(family byte, f field, term string) []byte {
	key := make([]byte, 0, len(term)+5)
	return append(append(append(key, family, byte(f)), term...), 0)
}

func chunkKey(family byte, f field, term string, chunk int) []byte {
	return binary.BigEndian.AppendUint16(termPrefix(family, f, term), uint16(chunk))
}

// keyChunk is the chunk that a key of a term is of.
func keyChunk(key []byte) int { return int(binary.BigEndian.Uint16(key[len(key)-2:])) }

// after is the first key behind all that begin with prefix.
func after(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
