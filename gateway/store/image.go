package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/secant-platform/secant/analytics/fact"
)

const imageColumns = `instance, digest, measured, study, series, class, modality, date, manufacturer, model, serial, station,
	syntax, size, unit, receipt, received`

func scanImage(from scanner, more ...any) (fact.Image, error) {
	var i fact.Image
	var received int64
	err := from.Scan(append([]any{
		&i.Instance, &i.Digest, &i.Measured, &i.Study, &i.Series, &i.Class, &i.Modality, &i.Date, &i.Manufacturer, &i.Model, &i.Serial, &i.Station,
		&i.Syntax, &i.Size, &i.Unit, &i.Receipt, &received,
	}, more...)...)
	i.Received = fromMillis(received)
	return i, err
}

// PutImages keeps images, all or none, and returns them as they are kept: one that
// was there already stays as it was, and each has the digests of the others with its
// UID. When one is new and has others, there is an event.
func (s *Store) PutImages(ctx context.Context, images []fact.Image) ([]fact.Image, error) {
	kept := make([]fact.Image, len(images))
	err := s.update(ctx, func(ctx context.Context, t *txn) error {
		for n, i := range images {
			var err error
			if kept[n], err = s.putImage(ctx, t, i); err != nil {
				return err
			}
		}
		return nil
	})
	return kept, err
}

func (s *Store) putImage(ctx context.Context, t *txn, i fact.Image) (fact.Image, error) {
	added, err := t.exec(ctx, "INSERT INTO image ("+imageColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		i.Instance, i.Digest, i.Measured, i.Study, i.Series, i.Class, i.Modality, i.Date, i.Manufacturer, i.Model, i.Serial, i.Station,
		i.Syntax, i.Size, i.Unit, i.Receipt, millis(i.Received))
	if err != nil {
		return i, fmt.Errorf("keeping an image: %w", err)
	}
	one, err := t.stmt(ctx, "SELECT "+imageColumns+" FROM image WHERE instance = ? AND digest = ? AND measured = ?")
	if err != nil {
		return i, err
	}
	kept, err := scanImage(one.QueryRowContext(ctx, i.Instance, i.Digest, i.Measured))
	if err != nil {
		return i, fmt.Errorf("reading an image: %w", err)
	}
	if kept.Others, err = t.otherDigests(ctx, i.Instance, i.Digest); err != nil {
		return i, err
	}
	if added > 0 && len(kept.Others) > 0 {
		return kept, s.addLocalEvent(ctx, t, fact.EventImageConflict, []string{"image", kept.Receipt}, []string{kept.Unit})
	}
	return kept, nil
}

// maxOthers bounds the other digests that are named of one UID.
const maxOthers = 8

func (t *txn) otherDigests(ctx context.Context, instance, digest string) ([]string, error) {
	stmt, err := t.stmt(ctx, otherDigests)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx, instance, digest)
	if err != nil {
		return nil, fmt.Errorf("reading an image's other digests: %w", err)
	}
	defer rows.Close()
	var others []string
	for rows.Next() {
		var d string
		if err := rows.Scan(&d); err != nil {
			return nil, fmt.Errorf("reading an image's other digests: %w", err)
		}
		others = append(others, d)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading an image's other digests: %w", err)
	}
	return others, nil
}

var otherDigests = fmt.Sprintf("SELECT digest FROM image WHERE instance = ? AND digest <> ? GROUP BY digest ORDER BY min(seq) LIMIT %d", maxOthers)

// imageGroups is what the rows of a search stand for, by level.
var imageGroups = map[fact.ImageLevel]string{
	fact.ImageStudies: "study", fact.ImageSeries: "study, series", fact.ImageInstances: "instance, digest, measured",
}

// Images searches for images, and returns at most limit groups after the first offset
// ones, the earliest first, and whether there are more.
func (s *Store) Images(ctx context.Context, level fact.ImageLevel, f fact.ImageFilter, limit, offset int) ([]fact.ImageGroup, bool, error) {
	where, args := imageWhere(&f)
	if key := imageGroups[level]; where != "" && level != fact.ImageInstances { // what is found is whole, whatever in it was found
		where = " WHERE (" + key + ") IN (SELECT " + key + " FROM image" + where + ")"
	}
	// The columns beside the aggregates are those of the image that came first.
	//nolint:gosec // names of this package's own
	query := "SELECT " + imageColumns + `, g.modalities, g.many, g.images,
		coalesce((SELECT group_concat(digest) FROM (SELECT o.digest FROM image o
			WHERE o.instance = image.instance AND o.digest <> image.digest GROUP BY o.digest ORDER BY min(o.seq) LIMIT ?) d), ''), g.earliest
		FROM (SELECT min(seq) AS earliest, group_concat(DISTINCT modality) AS modalities, count(DISTINCT series) AS many, count(DISTINCT instance) AS images
			FROM image` + where + " GROUP BY " + imageGroups[level] + ` ORDER BY min(seq) LIMIT ? OFFSET ?) g
		JOIN image ON image.seq = g.earliest ORDER BY g.earliest`
	rows, err := s.reading.QueryContext(ctx, query, slices.Concat([]any{maxOthers}, args, []any{limit + 1, offset})...)
	if err != nil {
		return nil, false, fmt.Errorf("searching for images: %w", err)
	}
	defer rows.Close()
	groups := []fact.ImageGroup{}
	for rows.Next() {
		var g fact.ImageGroup
		var modalities, others string
		var seq int64
		if g.Image, err = scanImage(rows, &modalities, &g.Series, &g.Instances, &others, &seq); err != nil {
			return nil, false, fmt.Errorf("reading an image: %w", err)
		}
		g.Modalities = slices.Sorted(strings.SplitSeq(modalities, ","))
		if others != "" && level == fact.ImageInstances {
			g.Image.Others = strings.Split(others, ",")
		}
		groups = append(groups, g)
	}
	if err := rows.Err(); err != nil {
		return nil, false, fmt.Errorf("searching for images: %w", err)
	}
	if len(groups) > limit {
		return groups[:limit], true, nil
	}
	return groups, false, nil
}

func imageWhere(f *fact.ImageFilter) (string, []any) {
	var where []string
	var args []any
	for _, l := range []struct {
		column string
		values []string
	}{
		{"study", f.Studies},
		{"series", f.Series},
		{"instance", f.Instances},
		{"class", f.Classes},
		{"modality", f.Modalities},
		{"digest", some(f.Digest)},
		{"unit", some(f.Unit)},
		{"manufacturer", some(f.Manufacturer)},
		{"model", some(f.Model)},
		{"serial", some(f.Serial)},
		{"station", some(f.Station)},
	} {
		if len(l.values) == 0 {
			continue
		}
		var alternatives []string
		for _, v := range l.values {
			if strings.ContainsAny(v, "*?") {
				alternatives, args = append(alternatives, l.column+" GLOB ?"), append(args, strings.ReplaceAll(v, "[", "[[]"))
				continue
			}
			alternatives, args = append(alternatives, l.column+" = ?"), append(args, v)
		}
		where = append(where, "("+strings.Join(alternatives, " OR ")+")")
	}
	if f.DateFrom != "" {
		where, args = append(where, "date >= ?"), append(args, f.DateFrom)
	}
	if f.DateTo != "" {
		where, args = append(where, "date <> '' AND date <= ?"), append(args, f.DateTo)
	}
	if len(where) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(where, " AND "), args
}

func some(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}
