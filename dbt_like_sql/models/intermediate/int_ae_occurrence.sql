MODEL (
  name intermediate.int_ae_occurrence,
  kind FULL,
  description 'Sessions and follow-up contacts with an adverse event: one row per occasion and term however often it was noted, and one for any term. It is the longest table of events, so it holds whole numbers only; which session it was nobody asks.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    kind_no = 'Kind of the occasion: session_kind_no of int_session above 0, contact_kind_no of int_ae_contact below.',
    term_no = 'The term, by the number of int_ae_term; 0 for an occasion with any.',
    n_events = 'Events of the term noted at the occasion.',
    session_day = 'Study day of the session; null for a contact.',
    first_onset_day = 'Study day of the first onset.',
    max_grade = 'Highest grade noted; 0 when none of the events has one.',
    marks = 'What holds of at least one of the events, as the sum of bits that reference.ae_measures names.'
  ),
  audits (not_null(columns := (patient_no, kind_no, term_no, n_events, first_onset_day, max_grade, marks)))
);

with occasions as (
  select
    s.clinic_id,
    s.session_id as occasion_id,
    false as is_contact,
    s.patient_no,
    s.session_kind_no as kind_no,
    s.study_day,
  from intermediate.int_session as s
  union all
  select
    c.clinic_id,
    c.followup_id as occasion_id,
    true as is_contact,
    c.patient_no,
    c.contact_kind_no as kind_no,
    null as study_day,
  from intermediate.int_ae_contact as c
),

-- An event is of a session or of a contact; the other id is empty.
noted as (
  select
    o.patient_no,
    o.kind_no,
    o.occasion_id,
    t.term_no,
    e.onset_day,
    o.study_day as session_day,
    case when o.kind_no > 0 then e.onset_min end as onset_min,
    coalesce(e.ctcae_grade, 0)::smallint as grade,
    (
      case when e.serious then 1 else 0 end
      + case when e.action in ('slowed', 'stopped', 'medicated', 'hospital') then 2 else 0 end
      + case when e.action = 'stopped' then 4 else 0 end
      + case when e.related in ('possible', 'probable', 'definite') then 8 else 0 end
    )::integer as marks,
  from staging.stg_adverse_event as e
  inner join occasions as o
    on e.clinic_id = o.clinic_id
    and coalesce(e.session_id, e.followup_id) = o.occasion_id
    and (e.session_id is null) = o.is_contact
  inner join intermediate.int_ae_term as t
    on e.ae_term = t.ae_term
),

-- From which dose minutes are counted is not said at a contact: days since the last session before the onset are known.
session_before as (
  select n.patient_no, n.onset_day, max(s.study_day) as session_day,
  from (select distinct c.patient_no, c.onset_day from noted as c where c.kind_no < 0) as n
  inner join intermediate.int_session as s
    on n.patient_no = s.patient_no and s.study_day <= n.onset_day
  group by n.patient_no, n.onset_day
),

timed as (
  select
    n.patient_no,
    n.kind_no,
    n.occasion_id,
    n.term_no,
    n.session_day,
    n.onset_day,
    n.grade,
    n.marks
    + case
      when coalesce(n.onset_min <= 1440, n.onset_day - coalesce(n.session_day, b.session_day) < 1) then 16
      when coalesce(n.onset_min <= 10080, n.onset_day - coalesce(n.session_day, b.session_day) <= 7) then 32
      else 64
    end as marks,
  from noted as n
  left join session_before as b
    on case when n.kind_no < 0 then n.patient_no end = b.patient_no and n.onset_day = b.onset_day
)

select
  n.patient_no,
  n.kind_no,
  coalesce(n.term_no, 0) as term_no,
  count(*)::integer as n_events,
  min(n.session_day)::integer as session_day,
  min(n.onset_day)::integer as first_onset_day,
  max(n.grade)::smallint as max_grade,
  bit_or(n.marks)::integer as marks,
from timed as n
group by grouping sets (
  (n.patient_no, n.kind_no, n.occasion_id, n.term_no), (n.patient_no, n.kind_no, n.occasion_id)
)
