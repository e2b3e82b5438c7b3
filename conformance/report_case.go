package conformance

import "encoding/json"

// Kind returns the kind of target that the case is for, as Report.Kind has it.
func (c Case) Kind() string {
	switch {
	case c.Client != nil:
		return "client"
	case c.Server != nil:
		return "server"
	case c.Mechanism != nil:
		return "mechanism"
	case c.Generator != nil:
		return "token generator"
	}
	return ""
}

// MarshalJSON implements [json.Marshaler]: all there is to read of a case.
func (c Case) MarshalJSON() ([]byte, error) {
	type budget struct {
		FailedLogins int    `json:"failedLogins,omitempty"`
		Messages     int    `json:"messages,omitempty"`
		Time         string `json:"time,omitempty"`
	}
	b := budget{FailedLogins: c.Budget.FailedLogins, Messages: c.Budget.Messages}
	if c.Budget.Time != 0 {
		b.Time = c.Budget.Time.String()
	}
	return json.Marshal(struct {
		ID        string    `json:"id"`
		Title     string    `json:"title"`
		Kind      string    `json:"kind"`
		Area      Area      `json:"area"`
		Refs      []Ref     `json:"refs,omitempty"`
		Profiles  []Profile `json:"profiles,omitempty"`
		Needs     []Need    `json:"needs,omitempty"`
		DependsOn []string  `json:"dependsOn,omitempty"`
		Tiers     []Tier    `json:"tiers,omitempty"`
		Core      bool      `json:"core,omitempty"`
		Budget    budget    `json:"budget,omitzero"`
		Stability Stability `json:"stability,omitempty"`
		Procedure string    `json:"procedure"`
		Pass      string    `json:"pass"`
		Note      string    `json:"note,omitempty"`
		Mutant    string    `json:"mutant,omitempty"`
		AlsoKills []string  `json:"alsoKills,omitempty"`
		Since     string    `json:"since,omitempty"`
	}{
		c.ID, c.Title, c.Kind(), c.Area, c.Refs, c.Profiles, c.Needs, c.DependsOn, c.Tiers, c.Core(), b,
		c.Stability, c.Procedure, c.Pass, c.Note, c.Mutant, c.AlsoKills, c.Since,
	})
}
