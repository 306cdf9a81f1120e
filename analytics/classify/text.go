package classify

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what is read of a text.
const (
	// MaxSentence is how much of a sentence counts, in bytes.
	MaxSentence = 2_000
	// MaxSentences is how many sentences are taken of a text.
	MaxSentences = 20_000
)

// Sentences takes a text apart: at marks that end a sentence and are followed by a space
// and no small letter, at empty lines, and before marks of lists. A line that only was
// too long for its page goes on in the next.
func Sentences(text string) []string {
	var all []string
	add := func(s string) {
		if s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " "); hasWord(s) && len(all) < MaxSentences {
			all = append(all, cut(s))
		}
	}
	for _, part := range paragraphs(text) {
		start := 0
		for i := range len(part) {
			if c := part[i]; c != '.' && c != '!' && c != '?' || !ends(part, start, i) {
				continue
			}
			add(part[start : i+1])
			start = i + 1
		}
		add(part[start:])
	}
	return all
}

// paragraphs takes a text apart at empty lines and before marks of lists.
func paragraphs(text string) []string {
	var all []string
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			all = append(all, b.String())
			b.Reset()
		}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		first, size := utf8.DecodeRuneInString(line)
		switch {
		case line == "":
			flush()
			continue
		case strings.ContainsRune("-*•–▪#>", first) && (len(line) == size || line[size] == ' '):
			flush()
			line = line[size:]
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	flush()
	return all
}

// ends reports whether the mark at i ends the sentence that began at start.
func ends(s string, start, i int) bool {
	rest := s[i+1:]
	if rest == "" {
		return true
	}
	if r, size := utf8.DecodeRuneInString(rest); strings.ContainsRune(`"'”’)]`, r) {
		rest = rest[size:]
	}
	after := strings.TrimLeft(rest, " \n\t")
	if len(after) == len(rest) {
		return after == ""
	}
	if r, _ := utf8.DecodeRuneInString(after); unicode.IsLower(r) {
		return false
	}
	word := s[start:i]
	word = word[strings.LastIndexAny(word, " \n\t(")+1:]
	switch strings.ToLower(word) {
	case "e.g", "i.e", "mr", "mrs", "ms", "dr", "vs", "cf", "no", "fig", "al", "approx", "inc", "ltd", "corp", "st":
		return false
	}
	// An initial, as of a name, but no word of one letter that ends a sentence often.
	return len(word) != 1 || !unicode.IsUpper(rune(word[0]))
}

func hasWord(s string) bool { return strings.IndexFunc(s, unicode.IsLetter) >= 0 }

// cut leaves what counts of a sentence.
func cut(s string) string {
	if len(s) <= MaxSentence {
		return s
	}
	s = s[:MaxSentence]
	for len(s) > 0 {
		if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size > 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s
}

// words are the words of a text, in lower case.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}
