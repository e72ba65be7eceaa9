import type { DiagnosisKind } from '../lib/diagnosis.ts'
import { defineMessages } from '../lib/locale.ts'

export const failure = defineMessages(
  {
    copy: '复制诊断信息',
    copied: '已复制',
    copyByHand: '复制不了，请长按上面的代码',
    code: '代码',
    detail: '原文',
  },
  {
    copy: 'Copy diagnosis',
    copied: 'Copied',
    copyByHand: 'Could not copy; please select the code above',
    code: 'Code',
    detail: 'Original message',
  },
)

type DiagnosisMessages = Record<`${DiagnosisKind}Title` | `${DiagnosisKind}Help`, string>

/** For each kind of failure what happened, and what whoever stands before it can do now. */
export const diagnoses = defineMessages<DiagnosisMessages>(
  {
    not_in_wecomTitle: '请在企业微信里打开',
    not_in_wecomHelp: '这个页面要在企业微信的会话侧边栏或工作台里打开。现在的浏览器不是企业微信。',
    untrusted_domainTitle: '域名没有被企业微信信任',
    untrusted_domainHelp: '请管理员在企业微信后台的应用里，把本页的域名加入「网页授权及 JS-SDK」的可信域名并通过校验。',
    wrong_ticketTitle: '签名用错了票据',
    wrong_ticketHelp:
      '应用签名要用应用自己的票据，这里用了企业的票据。请管理员检查服务里的企业 ID、应用 ID 和密钥是否属于同一个应用。',
    bad_signatureTitle: '企业微信不认这个签名',
    bad_signatureHelp:
      '先关闭侧边栏再打开一次。若还是这样，请管理员检查应用密钥、服务器时间，以及打开的网址是否和配置的一致。',
    wrong_corpTitle: '企业或应用对不上',
    wrong_corpHelp:
      '当前登录的企业微信和服务里配置的企业 ID、应用 ID 不是同一个。请确认登录的企业，或请管理员核对配置。',
    no_permissionTitle: '企业微信没有给权限',
    no_permissionHelp:
      '请管理员确认三件事：你在应用的可见范围内；你开通了客户联系；应用在「客户联系」的可调用接口的应用里。',
    no_customerTitle: '这里没有顾客',
    no_customerHelp:
      '这个入口没有把顾客交给侧边栏。请从和顾客的单聊、客户群或顾客资料页打开；分享和业绩在下面照常可用。',
    wecom_timeoutTitle: '企业微信没有回应',
    wecom_timeoutHelp: '请关闭侧边栏再打开。若经常这样，把企业微信更新到最新版本，或换个网络再试。',
    old_clientTitle: '企业微信版本太旧',
    old_clientHelp: '这个版本没有侧边栏需要的接口。请更新企业微信后再打开。',
    wecom_refusedTitle: '企业微信拒绝了请求',
    wecom_refusedHelp: '请重试一次。若还是这样，把诊断信息复制给管理员。',
    unknown_useridTitle: '还没有你的导购档案',
    unknown_useridHelp: '企业微信认识你，但品牌还没有登记你的账号。请店长或总部把你加为导购，然后重新打开。',
    not_a_memberTitle: '你不是这家企业的成员',
    not_a_memberHelp: '侧边栏只给企业的成员使用。请用工作用的企业微信账号登录后再打开。',
    associate_inactiveTitle: '你的账号已停用',
    associate_inactiveHelp: '登记的在职时间已经结束，或登录被撤销。如果不对，请联系店长或总部。',
    sign_in_failedTitle: '登录没有完成',
    sign_in_failedHelp: '登录链接已失效或被用过。请点重试重新登录。',
    session_missingTitle: '登录状态没有保存下来',
    session_missingHelp:
      '登录后仍然认不出你，多半是浏览器不接受 Cookie。请关闭侧边栏重新打开；若还是这样，请联系管理员。',
    network_downTitle: '网络连不上',
    network_downHelp: '请检查网络后重试。已经发出的消息不受影响。',
    service_timeoutTitle: '服务回应太慢',
    service_timeoutHelp: '请稍等再试。若很多人都这样，请告诉管理员。',
    service_downTitle: '服务暂时不可用',
    service_downHelp: '不是你的问题。请稍后重试；若一直这样，把诊断信息复制给管理员。',
    too_many_requestsTitle: '请求太频繁',
    too_many_requestsHelp: '请等一分钟再试。',
    too_muchTitle: '一次要算的太多了',
    too_muchHelp: '请把时间选短一些，或只看一个大区、一家门店。',
    forbiddenTitle: '你的账号不能做这件事',
    forbiddenHelp: '如果工作需要，请店长或总部调整你的角色。',
    not_foundTitle: '没有找到',
    not_foundHelp: '它不存在，或者不在你能看到的范围里。',
    refusedTitle: '服务没有接受',
    refusedHelp: '请重试一次。若还是这样，把诊断信息复制给管理员。',
    brokenTitle: '页面出了错',
    brokenHelp: '请重试。若还是这样，把诊断信息复制给管理员。',
  },
  {
    not_in_wecomTitle: 'Please open this in WeCom',
    not_in_wecomHelp:
      "This page belongs in the sidebar of a WeCom chat or in WeCom's workbench. This browser is not WeCom.",
    untrusted_domainTitle: 'WeCom does not trust this domain',
    untrusted_domainHelp:
      "Ask an administrator to add this page's domain to the app's trusted domains (web authorisation and JS-SDK) and to verify it.",
    wrong_ticketTitle: 'Signed with the wrong ticket',
    wrong_ticketHelp:
      "An app signs with its own ticket; the corporation's was used here. Ask an administrator whether corporation id, app id and secret in the service belong to one app.",
    bad_signatureTitle: 'WeCom rejects the signature',
    bad_signatureHelp:
      "Close the sidebar and open it again. If it stays, ask an administrator to check the app's secret, the server's clock, and that the address opened is the one configured.",
    wrong_corpTitle: 'Corporation or app does not match',
    wrong_corpHelp:
      'The WeCom account signed in here and the corporation and app id in the service are not the same. Check which corporation you are in, or ask an administrator.',
    no_permissionTitle: 'WeCom gives no permission',
    no_permissionHelp:
      "Ask an administrator for three things: you are within the app's visible range; customer contact is enabled for you; the app may call the customer contact APIs.",
    no_customerTitle: 'No customer here',
    no_customerHelp:
      "This place hands no customer over to the sidebar. Open it from a chat with a customer, a customer group or a customer's profile; sharing and earnings work below as always.",
    wecom_timeoutTitle: 'WeCom does not answer',
    wecom_timeoutHelp: 'Close the sidebar and open it again. If it happens often, update WeCom or try another network.',
    old_clientTitle: 'This WeCom is too old',
    old_clientHelp: 'This version lacks what the sidebar needs. Please update WeCom and open it again.',
    wecom_refusedTitle: 'WeCom refused the request',
    wecom_refusedHelp: 'Try once more. If it stays, copy the diagnosis for an administrator.',
    unknown_useridTitle: 'You are not registered as an associate yet',
    unknown_useridHelp:
      'WeCom knows you, but the brand has no account for you. Ask your store manager or headquarters to add you, then open this again.',
    not_a_memberTitle: 'You are not a member of this corporation',
    not_a_memberHelp:
      'The sidebar is for members of the corporation. Sign in to WeCom with your work account and open it again.',
    associate_inactiveTitle: 'Your account is no longer active',
    associate_inactiveHelp:
      'Your registered employment has ended, or your sign-in was revoked. If that is wrong, ask your store manager or headquarters.',
    sign_in_failedTitle: 'Sign-in was not completed',
    sign_in_failedHelp: 'The sign-in link has expired or was used before. Try again to sign in anew.',
    session_missingTitle: 'Your sign-in was not kept',
    session_missingHelp:
      'You are still not recognised after signing in; most likely cookies are blocked. Close the sidebar and open it again, or ask an administrator.',
    network_downTitle: 'No network',
    network_downHelp: 'Check the connection and try again. Messages already sent are not affected.',
    service_timeoutTitle: 'The service is slow to answer',
    service_timeoutHelp: 'Please try again in a moment. If others see it too, tell an administrator.',
    service_downTitle: 'The service is unavailable',
    service_downHelp: 'This is not your fault. Try again later; if it stays, copy the diagnosis for an administrator.',
    too_many_requestsTitle: 'Too many requests',
    too_many_requestsHelp: 'Please wait a minute and try again.',
    too_muchTitle: 'This is too much to add up at once',
    too_muchHelp: 'Choose fewer days, or look at one region or one store.',
    forbiddenTitle: 'Your account may not do this',
    forbiddenHelp: 'If your work needs it, ask your store manager or headquarters to change your role.',
    not_foundTitle: 'Not found',
    not_foundHelp: 'It is not there, or not among what you may see.',
    refusedTitle: 'The service did not accept this',
    refusedHelp: 'Try once more. If it stays, copy the diagnosis for an administrator.',
    brokenTitle: 'This page broke',
    brokenHelp: 'Please try again. If it stays, copy the diagnosis for an administrator.',
  },
)
