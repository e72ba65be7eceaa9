/** A handover as headquarters begins it: customers whose associate left are given to a colleague in WeCom. */
export function makeTransfer(leaver: {
  associateId: string
  heir: string
  customers: readonly { externalUserid: string }[]
}): Record<string, unknown> {
  return {
    fromAssociate: leaver.associateId,
    toAssociate: leaver.heir,
    customers: leaver.customers.map(customer => customer.externalUserid),
    reason: '导购离职，账号停用前把客户交给同店同事（演示）',
    message: '您好，之前服务您的导购已离职，以后由我为您服务。',
  }
}
