/** What the demo brand asks about its customers, as `PUT /api/v1/settings/questionnaire` takes it. */
export const questionnaire = {
  fields: [
    { key: 'colour', label: '喜欢的颜色', kind: 'several', options: ['驼色', '藏青', '黑', '米白', '酒红'] },
    { key: 'visit', label: '方便到店的时间', kind: 'choice', options: ['工作日', '周末'] },
    { key: 'height', label: '身高（厘米）', kind: 'number' },
    { key: 'job', label: '职业', kind: 'text' },
  ],
}
