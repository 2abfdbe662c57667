const DISPLAY = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' });

/** Names that shops use and that the standard does not contain. */
const ALIASES: Readonly<Record<string, string>> = {
  'great britain': 'GB',
  england: 'GB',
  usa: 'US',
  'united states of america': 'US',
  holland: 'NL',
};

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'.split('');

/**
 * The current code for every two-letter region name. Computed once, because `Intl` takes a millisecond for about
 * twenty.
 */
const CURRENT: ReadonlyMap<string, string> = new Map(
  LETTERS.flatMap((first) => LETTERS.map((second) => first + second))
    .filter((code) => DISPLAY.of(code) !== undefined)
    .flatMap((code): readonly (readonly [string, string])[] => {
      const { region } = new Intl.Locale(`und-${code}`);
      return region === undefined ? [] : [[code, region]];
    }),
);

const CODES: ReadonlyMap<string, string> = new Map([
  // `Intl` names old codes, such as DD, after their successors; keep only codes that are their own successor.
  ...[...CURRENT]
    .filter(([code, current]) => code === current)
    .map(([code]) => [(DISPLAY.of(code) ?? code).toLowerCase(), code] as const),
  ...Object.entries(ALIASES),
]);

/** ISO 3166-1 alpha-2 and alpha-3 codes, joined (https://www.iso.org/obp/ui/#search/code/, read 2026-11-28). */
const ALPHA_3: ReadonlyMap<string, string> = new Map(
  `
    AFAFG AXALA ALALB DZDZA ASASM ADAND AOAGO AIAIA AQATA AGATG ARARG AMARM AWABW AUAUS ATAUT AZAZE
    BSBHS BHBHR BDBGD BBBRB BYBLR BEBEL BZBLZ BJBEN BMBMU BTBTN BOBOL BQBES BABIH BWBWA BVBVT BRBRA
    IOIOT BNBRN BGBGR BFBFA BIBDI CVCPV KHKHM CMCMR CACAN KYCYM CFCAF TDTCD CLCHL CNCHN CXCXR CCCCK
    COCOL KMCOM CGCOG CDCOD CKCOK CRCRI CICIV HRHRV CUCUB CWCUW CYCYP CZCZE DKDNK DJDJI DMDMA DODOM
    ECECU EGEGY SVSLV GQGNQ ERERI EEEST SZSWZ ETETH FKFLK FOFRO FJFJI FIFIN FRFRA GFGUF PFPYF TFATF
    GAGAB GMGMB GEGEO DEDEU GHGHA GIGIB GRGRC GLGRL GDGRD GPGLP GUGUM GTGTM GGGGY GNGIN GWGNB GYGUY
    HTHTI HMHMD VAVAT HNHND HKHKG HUHUN ISISL ININD IDIDN IRIRN IQIRQ IEIRL IMIMN ILISR ITITA JMJAM
    JPJPN JEJEY JOJOR KZKAZ KEKEN KIKIR KPPRK KRKOR KWKWT KGKGZ LALAO LVLVA LBLBN LSLSO LRLBR LYLBY
    LILIE LTLTU LULUX MOMAC MGMDG MWMWI MYMYS MVMDV MLMLI MTMLT MHMHL MQMTQ MRMRT MUMUS YTMYT MXMEX
    FMFSM MDMDA MCMCO MNMNG MEMNE MSMSR MAMAR MZMOZ MMMMR NANAM NRNRU NPNPL NLNLD NCNCL NZNZL NINIC
    NENER NGNGA NUNIU NFNFK MKMKD MPMNP NONOR OMOMN PKPAK PWPLW PSPSE PAPAN PGPNG PYPRY PEPER PHPHL
    PNPCN PLPOL PTPRT PRPRI QAQAT REREU ROROU RURUS RWRWA BLBLM SHSHN KNKNA LCLCA MFMAF PMSPM VCVCT
    WSWSM SMSMR STSTP SASAU SNSEN RSSRB SCSYC SLSLE SGSGP SXSXM SKSVK SISVN SBSLB SOSOM ZAZAF GSSGS
    SSSSD ESESP LKLKA SDSDN SRSUR SJSJM SESWE CHCHE SYSYR TWTWN TJTJK TZTZA THTHA TLTLS TGTGO TKTKL
    TOTON TTTTO TNTUN TRTUR TMTKM TCTCA TVTUV UGUGA UAUKR AEARE GBGBR USUSA UMUMI UYURY UZUZB VUVUT
    VEVEN VNVNM VGVGB VIVIR WFWLF EHESH YEYEM ZMZMB ZWZWE
  `
    .trim()
    .split(/\s+/)
    .map((codes) => [codes.slice(2), codes.slice(0, 2)] as const),
);

/** ISO 3166-1 alpha-2 code of a country given as a code of two or three letters or an English name; null when it is none. */
export function countryCodeOf(country: string): string | null {
  const text = country.trim();
  if (/^[A-Za-z]{2}$/.test(text)) {
    const current = CURRENT.get(text.toUpperCase());
    if (current !== undefined) return current;
  }
  return CODES.get(text.toLowerCase()) ?? ALPHA_3.get(text.toUpperCase()) ?? null;
}
