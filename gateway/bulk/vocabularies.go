package bulk

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/client"
)

// Bounds of an archive with vocabularies.
const (
	maxArchived = 2_000    // files
	maxUnpacked = 1 << 30  // bytes of all of them
	maxMember   = 64 << 20 // bytes of one
)

func vocabularyCommand() *cobra.Command {
	f := reach{role: auth.RoleOperator}
	as := ""
	c := &cobra.Command{
		Use:   "vocabulary FILE|ARCHIVE",
		Short: "Hand in a vocabulary that texts are sorted by",
		Long: "vocabulary reads a STIX bundle of ATT&CK or CAPEC, a taxonomy or a galaxy's cluster of MISP, a list of\n" +
			"weaknesses that CWE publishes as CSV, or CSV with the columns id, name, kind, parent, synonyms, description,\n" +
			"external, successor; each as it is or packed (.gz). Of an archive (.tar.gz) with taxonomies or galaxies of MISP\n" +
			"each is a vocabulary of its own, NAME.TAXONOMY.\n" +
			"The same version again changes nothing; with another one, texts are labelled anew.",
		Example: "  secant import vocabulary stix-capec.json --as capec --config DIR/nodes/hospital-north/node.json",
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return f.vocabulary(c, args[0], as) },
	}
	f.flags(c)
	c.Flags().StringVar(&as, "as", "", "what the vocabulary is called at the node: lower-case letters, digits and .-_")
	_ = c.MarkFlagRequired("as")
	return c
}

func techniquesCommand() *cobra.Command {
	f := reach{role: auth.RoleOperator}
	c := &cobra.Command{
		Use:   "techniques FILE...",
		Short: "Hand in sentences from which the node trains its classifier of techniques",
		Long: "techniques reads a STIX bundle of ATT&CK, which becomes a vocabulary, too, and sentences that persons labelled:\n" +
			"JSON, an array of objects with text, label and doc_title; each as it is or packed (.gz). The node trains\n" +
			"afterwards, for some minutes, and labels its texts anew.",
		Example: "  secant import techniques enterprise-attack.json sentences.json --config DIR/nodes/hospital-north/node.json",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return f.techniques(c, args) },
	}
	f.flags(c)
	return c
}

func (f *reach) techniques(c *cobra.Command, args []string) error {
	n, err := f.open()
	if err != nil {
		return err
	}
	defer n.Close()
	for _, file := range args {
		text, err := readPacked(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		got, err := n.TeachClassifier(c.Context(), text)
		if err != nil {
			return fmt.Errorf("%s: %w", file, f.hint(err))
		}
		if _, err := fmt.Fprintf(c.OutOrStdout(), "%s: %d sentences with %d labels\n", got.Name, got.Sentences, got.Labels); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
		if got.Vocabulary != nil {
			if err := tellVocabulary(c.OutOrStdout(), got.Vocabulary); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *reach) vocabulary(c *cobra.Command, file, as string) error {
	n, err := f.open()
	if err != nil {
		return err
	}
	defer n.Close()
	if strings.HasSuffix(file, ".tar.gz") || strings.HasSuffix(file, ".tgz") {
		return f.archive(c, n, file, as)
	}
	text, err := readPacked(file)
	if err != nil {
		return err
	}
	got, err := n.PutVocabulary(c.Context(), as, text)
	if err != nil {
		return f.hint(err)
	}
	return tellVocabulary(c.OutOrStdout(), got)
}

func tellVocabulary(out io.Writer, v *fact.VocabularyVersion) error {
	_, err := fmt.Fprintf(out, "%s: %d nodes, version %s\n", v.ID, v.Nodes, v.Digest)
	if err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

// archive hands in each taxonomy and each cluster of an archive of MISP's.
func (f *reach) archive(c *cobra.Command, n *client.Client, file, as string) error {
	packed, err := readFile(file, maxFile)
	if err != nil {
		return err
	}
	refused := 0
	err = members(packed, func(name string, text []byte) error {
		id := memberID(as, name)
		got, err := n.PutVocabulary(c.Context(), id, text)
		if reason, bad := fault(err); bad {
			refused++
			_, err := fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", name, reason)
			return err
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, f.hint(err))
		}
		return tellVocabulary(c.OutOrStdout(), got)
	})
	if err == nil && refused > 0 {
		err = fmt.Errorf("%d vocabularies were refused; the others are taken in", refused)
	}
	return err
}

// members calls take for each machinetag.json, and each file in a folder clusters, of an
// archive, within bounds. Nothing is written to the disk.
func members(packed []byte, take func(name string, text []byte) error) error {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return errors.New("the archive is not a tar.gz that can be read")
	}
	r := tar.NewReader(io.LimitReader(z, maxUnpacked))
	for range maxArchived {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errors.New("the archive is not a tar.gz that can be read, or has more than 1 GiB")
		}
		name := path.Clean(h.Name)
		if h.Typeflag != tar.TypeReg || path.Base(name) != "machinetag.json" && path.Base(path.Dir(name)) != "clusters" || path.Ext(name) != ".json" {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(r, maxMember+1))
		if err != nil || len(text) > maxMember {
			return fmt.Errorf("%s cannot be read, or has more than %d bytes", name, maxMember)
		}
		if err := take(name, text); err != nil {
			return err
		}
	}
	return ledger.Problemf(ledger.CodeTooLarge, "the archive has more than %d files", maxArchived)
}

var notInID = regexp.MustCompile(`[^a-z0-9._-]+`)

// memberID names a vocabulary of an archive by its file, or for a taxonomy its folder.
func memberID(as, name string) string {
	own := strings.TrimSuffix(path.Base(name), ".json")
	if own == "machinetag" {
		own = path.Base(path.Dir(name))
	}
	id := as + "." + notInID.ReplaceAllString(strings.ToLower(own), "-")
	return id[:min(len(id), 48)]
}

// readPacked reads a file and packs it for the way, unless it is packed.
func readPacked(file string) ([]byte, error) {
	text, err := readFile(file, maxReference)
	if err != nil || filepath.Ext(file) == ".gz" {
		return text, err
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err = z.Write(text)
	if err = errors.Join(err, z.Close()); err != nil {
		return nil, fmt.Errorf("packing the file: %w", err)
	}
	return b.Bytes(), nil
}

// maxReference bounds reference data that is not packed, in bytes.
const maxReference = 128 << 20
