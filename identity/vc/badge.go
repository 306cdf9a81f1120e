package vc

// Achievement is what a badge is awarded for (Open Badges 3.0, appendix B.1.2).
type Achievement struct {
	ID          string // URI, the same for all who achieve it
	Name        string
	Description string
	Criteria    string // what one has to do for it, in words
}

// The types of Open Badges 3.0.
const (
	typeBadge              = "OpenBadgeCredential"
	typeAchievement        = "Achievement"
	typeAchievementSubject = "AchievementSubject"
)

// Badge makes an Open Badge of a credential, which [Issue] then issues: its types,
// its context and its subject's claims are those of Open Badges 3.0.
func (a Achievement) Badge(c Credential) Credential {
	c.Contexts = append([]string{ContextBadge}, c.Contexts...)
	c.Types = append([]string{typeBadge}, c.Types...)
	c.Subject = map[string]any{
		"type": []string{typeAchievementSubject},
		"achievement": map[string]any{
			"id": a.ID, "type": []string{typeAchievement}, "name": a.Name, "description": a.Description,
			"criteria": map[string]any{"narrative": a.Criteria},
		},
	}
	return c
}

// Achievement returns what a verified badge was awarded for. A credential that is no
// badge, or leaves out what Open Badges 3.0 demands, is refused.
func (v *Verified) Achievement() (*Achievement, error) {
	if _, err := typesOf(document{"type": texts(v.Types)}, typeBadge); err != nil {
		return nil, err
	}
	subject := document(v.Subject)
	if _, err := typesOf(subject, typeAchievementSubject); err != nil {
		return nil, err
	}
	d, err := subject.object("achievement")
	if err != nil {
		return nil, err
	}
	if _, err := typesOf(d, typeAchievement); err != nil {
		return nil, err
	}
	criteria, err := d.object("criteria")
	if err != nil {
		return nil, err
	}
	a := &Achievement{}
	for name, to := range map[string]*string{"id": &a.ID, "name": &a.Name, "description": &a.Description} {
		if *to, err = d.required(name); err != nil {
			return nil, err
		}
	}
	if a.Criteria, err = criteria.text("narrative"); err != nil { // "id" may stand for it
		return nil, err
	}
	return a, nil
}
