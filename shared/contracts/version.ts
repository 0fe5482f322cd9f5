/** Version of the safety contract that this build implements (contract, Definitions). */
export const contractVersion = '5.2'
/** Version of the status document (contract 7.0). */
export const statusSchemaVersion = 1
