MODEL (
  name intermediate.int_screening_counts,
  kind FULL,
  description 'Screened patients by clinic, diagnosis, place and item: what was found, what was decided, and who was treated all the same. A patient counts once, whichever of their courses shows it.',
  column_descriptions (
    clinic_id = 'The clinic.',
    indication_code = 'Diagnosis of the first induction course, or of the screened course of patients who had none; or unknown.',
    place_code = 'home, on_site or unknown, of the first induction session; not_treated without one.',
    item = 'The screening item, or any.',
    n_reported = 'Patients with the item on file.',
    n_assessed = 'Of these, patients in whom it was looked at.',
    n_present_uncontrolled = 'Patients in whom it was present and not controlled.',
    n_present_controlled = 'Others in whom it was present and controlled.',
    n_abnormal = 'Patients with an abnormal test.',
    n_decided = 'Patients with a decision on account of it.',
    n_decline = 'Patients with the decision to decline.',
    n_proceed_precaution = 'Others with the decision to proceed with precaution.',
    n_treated = 'Patients with the item on file for a course that has a session.',
    n_treated_declined = 'Patients treated in a course that was declined.',
    n_treated_contraindicated = 'Patients treated in a course with an uncontrolled contraindication.',
    n_treated_not_assessed = 'Patients treated in a course before which a contraindication or a test was not assessed.',
    n_treated_without_requirement = 'Patients treated at home without what treatment at home needs.',
    n_treated_with_deviation = 'Patients with at least one of the four.'
  ),
  grain (clinic_id, indication_code, place_code, item),
  audits (
    not_null(columns := (clinic_id, indication_code, place_code, item, n_reported, n_treated)),
    unique_combination_of_columns(columns := (clinic_id, indication_code, place_code, item)),
    forall(criteria := (
      n_assessed <= n_reported,
      n_present_controlled + n_present_uncontrolled <= n_assessed,
      n_decline + n_proceed_precaution <= n_decided,
      n_treated <= n_reported,
      n_treated_with_deviation <= n_treated
    ))
  )
);

with treated_courses as (
  select s.patient_no, s.course_id, max(case when s.place_code = 'home' then 1 else 0 end) = 1 as is_home,
  from intermediate.int_session as s
  group by s.patient_no, s.course_id
),

answers as (
  select
    p.patient_no,
    d.dx_code,
    s.item,
    s.result,
    s.decision,
    t.course_id is not null as is_treated,
    r.is_contraindication or (coalesce(t.is_home, false) and r.is_home_contraindication) as is_contraindication,
    coalesce(t.is_home, false) and r.is_home_requirement as is_requirement,
    r.is_test,
  from staging.stg_screening_item as s
  inner join staging.stg_course as c
    on s.clinic_id = c.clinic_id and s.course_id = c.course_id
  inner join intermediate.int_consented_patient as p
    on c.clinic_id = p.clinic_id and c.patient_id = p.patient_id
  inner join intermediate.int_screening_rule as r
    on s.item = r.item
  left join staging.stg_diagnosis as d
    on c.clinic_id = d.clinic_id and c.patient_id = d.patient_id and c.target_dx_seq = d.dx_seq
  left join treated_courses as t
    on p.patient_no = t.patient_no and c.course_id = t.course_id
),

judged as (
  select
    a.patient_no,
    a.dx_code,
    a.item,
    a.result,
    a.decision,
    a.is_treated,
    a.is_treated and a.decision = 'decline' as is_declined,
    a.is_treated and a.is_contraindication and a.result = 'present_uncontrolled' as is_contraindicated,
    a.is_treated and (a.is_contraindication or a.is_requirement or a.is_test) and a.result = 'not_assessed'
      as is_not_assessed,
    a.is_treated and a.is_requirement and a.result = 'absent' as is_without_requirement,
  from answers as a
),

patient_items as (
  select
    j.patient_no,
    j.item,
    -- Whoever was never treated has seldom more than one course; of several diagnoses any will do, always the same one.
    min(j.dx_code) as dx_code,
    max(case when j.result <> 'not_assessed' then 1 else 0 end) as assessed,
    max(case when j.result = 'present_controlled' then 1 else 0 end) as present_controlled,
    max(case when j.result = 'present_uncontrolled' then 1 else 0 end) as present_uncontrolled,
    max(case when j.result = 'done_abnormal' then 1 else 0 end) as abnormal,
    max(case when j.decision is not null then 1 else 0 end) as decided,
    max(case when j.decision = 'proceed_precaution' then 1 else 0 end) as proceed_precaution,
    max(case when j.decision = 'decline' then 1 else 0 end) as decline,
    max(case when j.is_treated then 1 else 0 end) as treated,
    max(case when j.is_declined then 1 else 0 end) as treated_declined,
    max(case when j.is_contraindicated then 1 else 0 end) as treated_contraindicated,
    max(case when j.is_not_assessed then 1 else 0 end) as treated_not_assessed,
    max(case when j.is_without_requirement then 1 else 0 end) as treated_without_requirement,
  from judged as j
  group by j.patient_no, j.item
),

with_any as (
  select
    i.patient_no,
    a.item,
    min(i.dx_code) as dx_code,
    max(i.assessed) as assessed,
    max(i.present_controlled) as present_controlled,
    max(i.present_uncontrolled) as present_uncontrolled,
    max(i.abnormal) as abnormal,
    max(i.decided) as decided,
    max(i.proceed_precaution) as proceed_precaution,
    max(i.decline) as decline,
    max(i.treated) as treated,
    max(i.treated_declined) as treated_declined,
    max(i.treated_contraindicated) as treated_contraindicated,
    max(i.treated_not_assessed) as treated_not_assessed,
    max(i.treated_without_requirement) as treated_without_requirement,
  from patient_items as i
  inner join (
    select r.item, r.item as of_item,
    from intermediate.int_screening_rule as r
    union all
    select 'any' as item, r.item as of_item,
    from intermediate.int_screening_rule as r
  ) as a
    on i.item = a.of_item
  group by i.patient_no, a.item
)

select
  p.clinic_id,
  coalesce(k.indication_code, w.dx_code, 'unknown')::varchar as indication_code,
  coalesce(k.place_code, 'not_treated')::varchar as place_code,
  w.item::varchar as item,
  count(*) as n_reported,
  sum(w.assessed)::bigint as n_assessed,
  sum(w.present_uncontrolled)::bigint as n_present_uncontrolled,
  sum(case when w.present_uncontrolled = 0 then w.present_controlled else 0 end)::bigint as n_present_controlled,
  sum(w.abnormal)::bigint as n_abnormal,
  sum(w.decided)::bigint as n_decided,
  sum(w.decline)::bigint as n_decline,
  sum(case when w.decline = 0 then w.proceed_precaution else 0 end)::bigint as n_proceed_precaution,
  sum(w.treated)::bigint as n_treated,
  sum(w.treated_declined)::bigint as n_treated_declined,
  sum(w.treated_contraindicated)::bigint as n_treated_contraindicated,
  sum(w.treated_not_assessed)::bigint as n_treated_not_assessed,
  sum(w.treated_without_requirement)::bigint as n_treated_without_requirement,
  sum(
    greatest(
      w.treated_declined, w.treated_contraindicated, w.treated_not_assessed, w.treated_without_requirement
    )
  )::bigint as n_treated_with_deviation,
from with_any as w
inner join intermediate.int_consented_patient as p
  on w.patient_no = p.patient_no
left join intermediate.int_patient_kind as k
  on w.patient_no = k.patient_no
group by
  p.clinic_id,
  coalesce(k.indication_code, w.dx_code, 'unknown'),
  coalesce(k.place_code, 'not_treated'),
  w.item
