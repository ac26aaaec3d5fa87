MODEL (
  name intermediate.int_contact_period,
  kind FULL,
  description 'Follow-up contacts of each patient and period: how many asked about each signal, and how many found it.',
  column_descriptions (
    patient_no = 'The patient, by the number of int_consented_patient.',
    period_no = 'The period, by the number of reference.follow_up_periods.',
    n_form = 'Contacts with a complete adverse-event form.',
    n_bladder_asked = 'Contacts that asked about urinary symptoms.',
    n_bladder = 'Of these, those with symptoms or cystitis.',
    n_cystitis = 'Of these, those with cystitis.',
    n_liver_asked = 'Contacts with a value of ALT.',
    n_liver = 'Of these, those with more than 3 times the upper limit of normal.',
    n_cognition = 'Contacts with a complete form on which impaired memory or concentration was noted.',
    n_misuse_asked = 'Contacts with a screen for misuse.',
    n_misuse = 'Of these, those with a positive one.',
    n_death_asked = 'Contacts that say whether the patient was alive.',
    n_death = 'Of these, those that say dead.'
  ),
  grain (patient_no, period_no),
  audits (
    not_null(columns := (patient_no, period_no)),
    unique_combination_of_columns(columns := (patient_no, period_no)),
    forall(criteria := (
      n_cystitis <= n_bladder,
      n_bladder <= n_bladder_asked,
      n_liver <= n_liver_asked,
      n_cognition <= n_form,
      n_misuse <= n_misuse_asked,
      n_death <= n_death_asked
    ))
  )
);

with forgetful as (
  select distinct e.clinic_id, e.followup_id,
  from staging.stg_adverse_event as e
  where e.followup_id is not null and e.ae_term in ('memory_impairment', 'concentration_impairment')
),

contacts as (
  select
    p.patient_no,
    f.study_day,
    f.ae_form_status = 'complete' as has_form,
    g.followup_id is not null as is_forgetful,
    f.luts_status,
    f.alt_x_uln,
    f.misuse_screen,
    f.vital_status,
  from staging.stg_followup_contact as f
  inner join intermediate.int_consented_patient as p
    on f.clinic_id = p.clinic_id and f.patient_id = p.patient_id
  left join forgetful as g
    on f.clinic_id = g.clinic_id and f.followup_id = g.followup_id
  where f.study_day <= p.data_cut_day
)

select
  c.patient_no,
  p.period_no,
  sum(case when c.has_form then 1 else 0 end)::integer as n_form,
  sum(case when c.luts_status <> 'not_asked' then 1 else 0 end)::integer as n_bladder_asked,
  sum(case when c.luts_status in ('symptoms', 'cystitis') then 1 else 0 end)::integer as n_bladder,
  sum(case when c.luts_status = 'cystitis' then 1 else 0 end)::integer as n_cystitis,
  count(c.alt_x_uln)::integer as n_liver_asked,
  sum(case when c.alt_x_uln > 3 then 1 else 0 end)::integer as n_liver,
  sum(case when c.has_form and c.is_forgetful then 1 else 0 end)::integer as n_cognition,
  sum(case when c.misuse_screen <> 'not_done' then 1 else 0 end)::integer as n_misuse_asked,
  sum(case when c.misuse_screen = 'positive' then 1 else 0 end)::integer as n_misuse,
  sum(case when c.vital_status <> 'unknown' then 1 else 0 end)::integer as n_death_asked,
  sum(case when c.vital_status = 'dead' then 1 else 0 end)::integer as n_death,
from contacts as c
inner join reference.follow_up_periods as p
  on c.study_day between p.start_day and p.end_day
group by c.patient_no, p.period_no
