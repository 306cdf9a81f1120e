package postgres

import "strings"

// kind tells tokens apart.
type kind byte

const (
	space  kind = iota // and comments
	word               // keyword, bare name or number
	quoted             // 'text' or "name"
	param              // ?, ?1
	mark               // one character of anything else, or a two-character operator
)

type token struct {
	kind kind
	text string
}

// is reports whether a token is a keyword or bare name, whatever its case.
func (t token) is(name string) bool { return t.kind == word && strings.EqualFold(t.text, name) }

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// split cuts SQL into tokens; put together they are the text again.
func split(text string) []token {
	var all []token
	for len(text) > 0 {
		k, n := next(text)
		all = append(all, token{k, text[:n]})
		text = text[n:]
	}
	return all
}

func next(text string) (k kind, n int) {
	run := func(from int, in func(byte) bool) int {
		for from < len(text) && in(text[from]) {
			from++
		}
		return from
	}
	switch c := text[0]; {
	case strings.HasPrefix(text, "--"):
		return space, run(2, func(c byte) bool { return c != '\n' })
	case c == ' ' || c == '\n' || c == '\t' || c == '\r':
		return space, run(1, func(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' })
	case c == '\'' || c == '"':
		end := strings.IndexByte(text[1:], c) // a doubled quote makes two tokens, which print alike
		if end < 0 {
			return quoted, len(text)
		}
		return quoted, end + 2
	case c == '?':
		return param, run(1, func(c byte) bool { return c >= '0' && c <= '9' })
	case wordByte(c):
		return word, run(1, wordByte)
	}
	return mark, 1
}

// after is the index of the first token from i on that is no space, or len(all).
func after(all []token, i int) int {
	for i < len(all) && all[i].kind == space {
		i++
	}
	return i
}

// are reports whether the tokens from i on are these words, and where they end.
func are(all []token, i int, words ...string) (end int, ok bool) {
	for _, w := range words {
		if i = after(all, i); i == len(all) || !all[i].is(w) && all[i].text != w {
			return 0, false
		}
		i++
	}
	return i, true
}

// arguments cuts what is between the parenthesis at open and its counterpart at its
// commas, and says where it ends.
func arguments(all []token, open int) (args [][]token, end int) {
	depth, from := 0, open+1
	for i := open; i < len(all); i++ {
		if all[i].kind != mark {
			continue
		}
		switch all[i].text {
		case "(":
			depth++
		case ",":
			if depth == 1 {
				args, from = append(args, all[from:i]), i+1
			}
		case ")":
			if depth--; depth == 0 {
				return append(args, all[from:i]), i + 1
			}
		}
	}
	return append(args, all[min(from, len(all)):]), len(all)
}
